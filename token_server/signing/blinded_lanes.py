"""RSA private-key operations by crypto_mb, which computes eight side by side, a lane each.

Every operation is blinded. What the library is given of a key is overwritten once the key is
dropped.
"""

import ctypes
import threading
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import cycle, islice

import gmpy2
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateNumbers

from token_server.signing.blinding import Blinding
from token_server.signing.crypto_mb import LANES, Functions
from token_server.signing.lanes import BLOCK, ComputationFailed, Lanes
from token_server.signing.secret_memory import SecretBuffer, SecretNumber

_HALF = BLOCK // 2
_Blocks = ctypes.c_char_p * LANES


class BlindedLanes(Lanes):
    """What both implementations have in common."""

    def __init__(self, key: RSAPrivateNumbers, beginning: bytes) -> None:
        self._ending_length = BLOCK - len(beginning)
        self._blinding = Blinding(key.public_numbers, beginning)
        self._in_use = threading.Lock()

    def operate(self, endings: Sequence[bytes]) -> list[bytes]:
        if not 1 <= len(endings) <= self.MOST:
            raise ValueError(f"expected 1 to {self.MOST} endings, got {len(endings)}")
        # The library reads BLOCK bytes of whatever it is given.
        if {len(each) for each in endings} != {self._ending_length}:
            raise ValueError(f"every ending must have {self._ending_length} bytes")
        with self._used_by_one_thread():
            self._blinding.next_batch()
            results = self._operate([self._blinding.blind(each) for each in endings])
            return [self._blinding.unblind(each) for each in results]

    @abstractmethod
    def _operate(self, blocks: Sequence[gmpy2.mpz]) -> Sequence[gmpy2.mpz]:
        """Compute RSASP1 of each block. Raises: ComputationFailed."""

    @contextmanager
    def _used_by_one_thread(self) -> Iterator[None]:
        """There is one place for results, and ctypes lets other threads run meanwhile."""
        if not self._in_use.acquire(blocking=False):
            raise RuntimeError("two threads use the same lanes at once")
        try:
            yield
        finally:
            self._in_use.release()


class Eight(BlindedLanes):
    """One block in each lane: half of the operation of all eight, then the other half."""

    MOST = LANES

    def __init__(self, functions: Functions, key: RSAPrivateNumbers, beginning: bytes) -> None:
        super().__init__(key, beginning)
        self._compute = functions.mbx_rsa_private_crt_mb8
        self._key = [
            SecretBuffer.of([each], _HALF) for each in (key.p, key.q, key.dmp1, key.dmq1, key.iqmp)
        ]
        self._results = SecretBuffer(BLOCK)

    def _operate(self, blocks: Sequence[gmpy2.mpz]) -> Sequence[gmpy2.mpz]:
        key = (each.addresses for each in self._key)
        filled = _filled([each.to_bytes(BLOCK) for each in blocks])
        _check(self._compute(filled, self._results.addresses, *key, 8 * BLOCK, None, None))
        return _numbers(self._results.first(len(blocks)))


class Four(BlindedLanes):
    """Half of a block's operation in each lane, the other half in the next one.

    In half the time of Eight, so that two pairs of tokens cost hardly more each than four do.
    """

    MOST = LANES // 2

    def __init__(self, functions: Functions, key: RSAPrivateNumbers, beginning: bytes) -> None:
        super().__init__(key, beginning)
        # Modulo a prime it is the operation of a key half as long.
        self._compute = functions.mbx_rsa_private_mb8
        self._primes = SecretBuffer.of([key.p, key.q], _HALF)
        self._exponents = SecretBuffer.of([key.dmp1, key.dmq1], _HALF)
        self._results = SecretBuffer(_HALF)
        self._p, self._q = SecretNumber(key.p), SecretNumber(key.q)
        self._weight_of_p = SecretNumber(key.q * key.iqmp)
        self._weight_of_q = SecretNumber(key.p * key.q + 1 - key.q * key.iqmp)

    def _operate(self, blocks: Sequence[gmpy2.mpz]) -> Sequence[gmpy2.mpz]:
        halves = [
            (each % prime.value).to_bytes(_HALF) for each in blocks for prime in (self._p, self._q)
        ]
        key = self._exponents.addresses, self._primes.addresses
        to = self._results.addresses
        _check(self._compute(_filled(halves), to, *key, 8 * _HALF, None, None))
        computed = _numbers(self._results.first(len(halves)))
        return [self._joined(*each) for each in zip(computed[::2], computed[1::2], strict=True)]

    def _joined(self, of_p: gmpy2.mpz, of_q: gmpy2.mpz) -> gmpy2.mpz:
        """Return the number that has both remainders (RFC 8017 §5.1.2), not yet reduced."""
        return of_p * self._weight_of_p.value + of_q * self._weight_of_q.value


def _filled(blocks: Sequence[bytes]) -> "ctypes.Array[ctypes.c_char_p]":
    """One block a lane, again from the first: of halves, each stays with its own prime."""
    return _Blocks(*islice(cycle(blocks), LANES))


def _numbers(results: Sequence[bytes]) -> list[gmpy2.mpz]:
    return [gmpy2.mpz.from_bytes(each) for each in results]


def _check(status: int) -> None:
    if status:
        raise ComputationFailed(f"status {status:08x}")
