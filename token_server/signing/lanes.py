"""RSA private-key operations, many at once, with what of the processor one alone leaves idle.

By crypto_mb, which computes side by side, a lane each. It neither pads nor checks what it has
computed: that is for who calls.
"""

import ctypes
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateNumbers

from token_server.signing import crypto_mb

LANES = 8
BLOCK = 256
"""Bytes: of keys larger than 2048 bits it is slower than OpenSSL, or hardly faster."""

_HALF = BLOCK // 2
_ABOVE_HALF = 1 << 8 * _HALF
_Blocks = ctypes.c_char_p * LANES
_Addresses = ctypes.c_void_p * LANES


class ComputationFailed(Exception):
    """The library says so."""


class Lanes(ABC):
    """Of one private key, and of blocks of BLOCK bytes that all begin alike.

    Of one thread at a time: there is one place for results, and others run meanwhile.
    """

    MOST: ClassVar[int]

    @abstractmethod
    def operate(self, endings: Sequence[bytes]) -> list[bytes]:
        """RSASP1 of each block (RFC 8017 §5.2.1), from one to MOST of them, below the modulus.

        An ending is as long as the beginning leaves of a block.

        Raises: ComputationFailed.
        """


class Eight(Lanes):
    """One block in each lane: half of the operation of all eight, then the other half."""

    MOST = LANES

    def __init__(self, functions: ctypes.CDLL, key: RSAPrivateNumbers, beginning: bytes) -> None:
        self._operate = functions.mbx_rsa_private_crt_mb8
        self._beginning = beginning
        self._key = [_in_lanes(each) for each in (key.p, key.q, key.dmp1, key.dmq1, key.iqmp)]
        self._results = _Results(BLOCK)

    def operate(self, endings: Sequence[bytes]) -> list[bytes]:
        blocks = _filled([self._beginning + each for each in endings])
        to = self._results.addresses
        _check(self._operate(blocks, to, *self._key, 8 * BLOCK, None, None))
        return self._results.first(len(endings))


class Four(Lanes):
    """Half of a block's operation in each lane, the other half in the next one.

    In half the time of Eight, so that two pairs of tokens cost hardly more each than four do.
    """

    MOST = LANES // 2

    def __init__(self, functions: ctypes.CDLL, key: RSAPrivateNumbers, beginning: bytes) -> None:
        # Modulo a prime it is the operation of a key half as long.
        self._operate = functions.mbx_rsa_private_mb8
        self._primes = _in_lanes(key.p, key.q)
        self._exponents = _in_lanes(key.dmp1, key.dmq1)
        before_zeros = int.from_bytes(beginning.ljust(BLOCK, b"\0"))
        self._beginnings = before_zeros % key.p, before_zeros % key.q
        self._modulus = key.p * key.q
        self._weight_of_p = key.q * key.iqmp
        self._weight_of_q = self._modulus + 1 - self._weight_of_p
        self._results = _Results(_HALF)

    def operate(self, endings: Sequence[bytes]) -> list[bytes]:
        # Added: what divides by a prime might tell of it by the time it takes. The sum is less
        # than the prime, but for one key in 2 to the 511th.
        halves = [
            (beginning + int.from_bytes(ending)).to_bytes(_HALF)
            for ending in endings
            for beginning in self._beginnings
        ]
        to = self._results.addresses
        _check(
            self._operate(
                _filled(halves), to, self._exponents, self._primes, 8 * _HALF, None, None
            )
        )
        computed = [int.from_bytes(each) for each in self._results.first(len(halves))]
        return [self._joined(*each) for each in zip(computed[::2], computed[1::2], strict=True)]

    def _joined(self, of_p: int, of_q: int) -> bytes:
        # As Garner's formula, which would divide by a prime; the modulus everybody may know. Of
        # one length always, and the weights are one more together than the modulus.
        of_p, of_q = of_p + _ABOVE_HALF, of_q + _ABOVE_HALF
        joined = of_p * self._weight_of_p + of_q * self._weight_of_q - _ABOVE_HALF
        return (joined % self._modulus).to_bytes(BLOCK)


class _Results:
    """Where the library writes, for each lane."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._all = ctypes.create_string_buffer(LANES * size)
        begin = ctypes.addressof(self._all)
        self.addresses = _Addresses(*range(begin, begin + LANES * size, size))

    def first(self, count: int) -> list[bytes]:
        written = self._all.raw
        return [written[at : at + self._size] for at in range(0, count * self._size, self._size)]


def _filled(blocks: Sequence[bytes]) -> "ctypes.Array[ctypes.c_char_p]":
    return _Blocks(*blocks, *[blocks[0]] * (LANES - len(blocks)))


def _in_lanes(*numbers: int) -> "ctypes.Array[ctypes.c_char_p]":
    """One after the other, and again, until all lanes have one."""
    return _Blocks(*[each.to_bytes(_HALF, "little") for each in numbers] * (LANES // len(numbers)))


def _check(status: int) -> None:
    if status:
        raise ComputationFailed(f"status {status & 0xFFFFFFFF:08x}")


def lanes_of(key: RSAPrivateNumbers, beginning: bytes) -> Sequence[Lanes]:
    """For more at once first. None where the library is not available, or knows no such key."""
    if not key.p.bit_length() == key.q.bit_length() == 8 * _HALF:
        return ()
    try:
        functions = crypto_mb.library().functions
    except crypto_mb.Unavailable:
        return ()
    return Eight(functions, key, beginning), Four(functions, key, beginning)
