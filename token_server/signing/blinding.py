"""Blinds RSA private-key operations, as OpenSSL does for its own (Kocher, CRYPTO '96, §10).

A block is multiplied by r^e modulo n before the operation, and its result by 1/r after it.
So the operation works on a number that neither a client nor the caller knows.
"""

import secrets

import gmpy2
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers

from token_server.signing.lanes import BLOCK

MAX_USES = 32
"""Batches, for each of which the pair of factors is squared, before a pair is made from new
random bits. OpenSSL has the same number."""


class Blinding:
    """One pair of factors at a time, for all blocks of a batch."""

    _factor: gmpy2.mpz
    _inverse: gmpy2.mpz
    _uses: int

    def __init__(self, key: RSAPublicNumbers, beginning: bytes) -> None:
        """`beginning`: of each block; an ending is as long as it leaves of BLOCK bytes."""
        self._modulus = gmpy2.mpz(key.n)
        self._exponent = key.e
        self._beginning = gmpy2.mpz.from_bytes(beginning.ljust(BLOCK, b"\0"))
        self._make_factors()

    def next_batch(self) -> None:
        """Change the factors. Each batch begins with it."""
        if self._uses == MAX_USES:
            self._make_factors()
        else:
            self._factor = self._factor * self._factor % self._modulus
            self._inverse = self._inverse * self._inverse % self._modulus
        self._uses += 1
        self._blinded_beginning = self._beginning * self._factor % self._modulus

    def blind(self, ending: bytes) -> gmpy2.mpz:
        """Return the blinded block with this ending, below the modulus."""
        blinded_ending = gmpy2.mpz.from_bytes(ending) * self._factor
        return (self._blinded_beginning + blinded_ending) % self._modulus

    def unblind(self, result: gmpy2.mpz) -> bytes:
        """Return the result that the operation has for the block itself, as BLOCK bytes."""
        unblinded: bytes = (result * self._inverse % self._modulus).to_bytes(BLOCK)
        return unblinded

    def _make_factors(self) -> None:
        random, mask = (1 + secrets.randbelow(int(self._modulus) - 1) for _ in range(2))
        self._factor = gmpy2.powmod(random, self._exponent, self._modulus)
        # The time that an inversion takes depends on its number: it is one that is not used.
        inverse_of_both = gmpy2.invert(random * mask % self._modulus, self._modulus)
        self._inverse = inverse_of_both * mask % self._modulus
        self._uses = 0
