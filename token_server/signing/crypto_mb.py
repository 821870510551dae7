"""Eight RSA private-key operations at once, with what of the processor one alone leaves idle.

By crypto_mb of the Intel Cryptography Primitives Library, where the processor has AVX-512 IFMA or
AVX-IFMA. It neither pads nor checks what it has computed: that is for who calls.
"""

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import Distribution, PackageNotFoundError, distribution
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

    def __init__(self, functions: ctypes.CDLL, key: RSAPrivateNumbers) -> None:
        self._operate = functions.mbx_rsa_private_crt_mb8
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
        return EightLanes(library().functions, key)
    except Unavailable:
        return None


@dataclass(frozen=True, slots=True)
class Library:
    told: str
    """Wheel and version."""
    functions: ctypes.CDLL


def library() -> Library:
    """The one of this process, which can run here. Raises: Unavailable."""
    found = find(WHEEL)
    if isinstance(found, str):
        raise Unavailable(found)
    return found


@cache
def find(wheel: str) -> Library | str:
    """Or why there is none."""
    try:
        return _loaded(distribution(wheel))
    except PackageNotFoundError:
        return f"{wheel} is not installed"
    # A Python may lack memfd_create, and a library a function.
    except (OSError, AttributeError) as fault:
        return str(fault)


def _loaded(wheel: Distribution) -> Library | str:
    """Raises: OSError, AttributeError."""
    path = path_of(FILE, wheel)
    empty_library.load(_NEEDED_IN_NAME_ONLY)
    # ctypes resolves every symbol: none of theirs is needed, or this fails.
    functions = ctypes.CDLL(str(path))
    if not functions.mbx_is_crypto_mb_applicable(ctypes.c_int64(0)):
        return "the processor lacks what crypto_mb needs (AVX-512 IFMA or AVX-IFMA)"
    return Library(f"{WHEEL} {wheel.version}", functions)


def path_of(file: str, wheel: Distribution) -> Path:
    """Raises: FileNotFoundError, where it is of another binary interface."""
    for each in wheel.files or ():
        if each.name == file:
            return Path(str(wheel.locate_file(each)))
    raise FileNotFoundError(f"{WHEEL} {wheel.version} has no {file}")
