"""RSA private-key operations of one key, several at once (RFC 8017 §5.2.1).

The interface, and whether this process has an implementation: see blinded_lanes.py.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateNumbers

from token_server.signing import crypto_mb

BLOCK = 256
"""Bytes: of keys larger than 2048 bits it is slower than OpenSSL, or hardly faster."""


class ComputationFailed(Exception):
    """The library says so."""


class Lanes(ABC):
    """The operations of one private key, on blocks of BLOCK bytes that all begin alike.

    An implementation neither pads nor checks a result: the caller verifies each one.
    """

    MOST: ClassVar[int]

    @abstractmethod
    def operate(self, endings: Sequence[bytes]) -> list[bytes]:
        """Return RSASP1 of each block, from one to MOST of them.

        An ending is as long as the beginning leaves of a block.

        Raises: ComputationFailed; ValueError for a wrong length or number of endings;
        RuntimeError if another thread uses the same object.
        """


def lanes_of(key: RSAPrivateNumbers, beginning: bytes) -> Sequence[Lanes]:
    """Return the implementations, the widest first.

    Empty where the library is not available or the key has another size than 2048 bits.
    """
    if not key.p.bit_length() == key.q.bit_length() == BLOCK * 8 // 2:
        return ()
    try:
        functions = crypto_mb.library().functions
    except crypto_mb.Unavailable:
        return ()
    # It needs gmpy2, which is not installed where the library cannot run.
    from token_server.signing.blinded_lanes import Eight, Four  # noqa: PLC0415

    return Eight(functions, key, beginning), Four(functions, key, beginning)
