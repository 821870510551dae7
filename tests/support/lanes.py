"""Whether this machine can compute eight signatures at once."""

import ctypes
import platform
import re
import sys
from pathlib import Path

import pytest

X86_64_LINUX = sys.platform == "linux" and platform.machine() == "x86_64"


def _has_openssl_3() -> bool:
    """The wheel asks for the system's."""
    try:
        ctypes.CDLL("libcrypto.so.3")
    except OSError:
        return False
    return True


def _has_lanes() -> bool:
    flags = Path("/proc/cpuinfo").read_text() if X86_64_LINUX else ""
    return bool(re.search(r"\b(avx512ifma|avx_ifma)\b", flags)) and _has_openssl_3()


HAS_LANES = _has_lanes()
needs_lanes = pytest.mark.skipif(not HAS_LANES, reason="no lanes, or no OpenSSL 3")
