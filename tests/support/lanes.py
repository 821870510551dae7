"""Whether this machine can compute eight signatures at once."""

import ctypes
import platform
import sys
from pathlib import Path

import pytest

AVX_512 = {"avx512f", "avx512dq", "avx512bw", "avx512ifma", "avx512_vbmi2", "bmi2"}
AVX_2 = {"avx2", "avx_ifma", "movbe", "rdseed"}
X86_64_LINUX = sys.platform == "linux" and platform.machine() == "x86_64"


def _has_openssl_3() -> bool:
    """The wheel asks for the system's."""
    try:
        ctypes.CDLL("libcrypto.so.3")
    except OSError:
        return False
    return True


def _has_lanes() -> bool:
    info = Path("/proc/cpuinfo").read_text() if X86_64_LINUX else ""
    flags = set(next((line for line in info.splitlines() if line.startswith("flags")), "").split())
    return (flags >= AVX_512 or flags >= AVX_2) and _has_openssl_3()


HAS_LANES = _has_lanes()
needs_lanes = pytest.mark.skipif(not HAS_LANES, reason="no lanes, or no OpenSSL 3")
