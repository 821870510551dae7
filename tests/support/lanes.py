"""Multi-buffer RSA for tests: by the library where it can run, else by the reference."""

import ctypes
import platform
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from support.reference_lanes import REFERENCE
from token_server.signing import crypto_mb
from token_server.signing.blinded_lanes import Eight, Four
from token_server.signing.cheapest import Cost, Plan
from token_server.signing.rs512 import BEFORE_DIGEST, Rs512Key

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


# As on one machine, in units of its own: what is measured here and now may be another.
PLAN = Plan(
    [
        Cost(most=1, of_one=23, of_most=23),
        Cost(most=8, of_one=60, of_most=73),
        Cost(most=4, of_one=34, of_most=40),
    ]
)


HAS_LANES = _has_lanes()
needs_lanes = pytest.mark.skipif(not HAS_LANES, reason="no lanes, or no OpenSSL 3")

LIBRARY = crypto_mb.library() if HAS_LANES else crypto_mb.Library("gmpy2", REFERENCE)


def planned(private: RSAPrivateKey) -> Rs512Key:
    """A key with both kinds of lanes, used by that plan."""
    numbers = private.private_numbers()
    lanes = [kind(LIBRARY.functions, numbers, BEFORE_DIGEST) for kind in (Eight, Four)]
    return Rs512Key(private, lanes, PLAN)
