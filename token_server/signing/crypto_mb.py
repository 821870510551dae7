"""Eight RSA private-key operations at once, with what of the processor one alone leaves idle.

By crypto_mb of the Intel Cryptography Primitives Library, where the processor has AVX-512 IFMA or
AVX-IFMA. It neither pads nor checks what it has computed: that is for who calls.
"""

import ctypes
from collections.abc import Sequence
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateNumbers

from token_server.signing import empty_library

LANES = 8
BLOCK = 256
"""Bytes: of keys larger than 2048 bits it is slower than OpenSSL, or hardly faster."""

WHEEL, FILE = "ipp-crypto", "libcrypto_mb.so.13"

_NEEDED_IN_NAME_ONLY = ("libsvml.so", "libirng.so", "libimf.so", "libintlc.so.5")
_HALF = BLOCK // 2
_Blocks = ctypes.c_char_p * LANES
_Addresses = ctypes.c_void_p * LANES


class ComputationFailed(Exception):
    """The library says so."""


class Unavailable(Exception):
    """Its text tells operators why."""


class EightLanes:
    """One private key in all of them. Of one thread at a time."""

    def __init__(self, library: ctypes.CDLL, key: RSAPrivateNumbers) -> None:
        self._operate = library.mbx_rsa_private_crt_mb8
        self._key = [
            _Blocks(*[number.to_bytes(_HALF, "little")] * LANES)
            for number in (key.p, key.q, key.dmp1, key.dmq1, key.iqmp)
        ]
        self._results = ctypes.create_string_buffer(LANES * BLOCK)
        begin = ctypes.addressof(self._results)
        self._addresses = _Addresses(*range(begin, begin + LANES * BLOCK, BLOCK))

    def operate(self, blocks: Sequence[bytes]) -> list[bytes]:
        """RSASP1 of each (RFC 8017 §5.2.1): from one to eight of BLOCK bytes, below the modulus.

        Raises: ComputationFailed.
        """
        of_all_lanes = _Blocks(*blocks, *[blocks[0]] * (LANES - len(blocks)))
        status = self._operate(of_all_lanes, self._addresses, *self._key, 8 * BLOCK, None, None)
        if status:
            raise ComputationFailed(f"status {status & 0xFFFFFFFF:08x}")
        results = self._results.raw
        return [results[at : at + BLOCK] for at in range(0, len(blocks) * BLOCK, BLOCK)]


def eight_lanes(key: RSAPrivateNumbers) -> EightLanes | None:
    """None where the library is not available, or knows no such key."""
    if not key.p.bit_length() == key.q.bit_length() == 8 * _HALF:
        return None
    try:
        return EightLanes(library(WHEEL, FILE), key)
    except Unavailable:
        return None


@cache
def library(wheel: str, file: str) -> ctypes.CDLL:
    """Raises: Unavailable."""
    try:
        path = _path(wheel, file)
        empty_library.load(_NEEDED_IN_NAME_ONLY)
        # ctypes resolves every symbol: none of theirs is needed, or this fails.
        found = ctypes.CDLL(str(path))
        is_applicable = found.mbx_is_crypto_mb_applicable(ctypes.c_int64(0))
    except PackageNotFoundError:
        raise Unavailable(f"{wheel} is not installed") from None
    # A Python may lack memfd_create, and a library a function.
    except (OSError, AttributeError) as fault:
        raise Unavailable(str(fault)) from None
    if not is_applicable:
        raise Unavailable("the processor has neither AVX-512 IFMA nor AVX-IFMA")
    return found


def _path(wheel: str, file: str) -> Path:
    """Raises: PackageNotFoundError, FileNotFoundError."""
    installed = distribution(wheel)
    for each in installed.files or ():
        if each.name == file:
            return Path(str(installed.locate_file(each)))
    raise FileNotFoundError(f"{wheel} {installed.version} has no {file}")
