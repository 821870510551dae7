"""Passwords: hashed and verified with argon2id, off the event loop, a bounded number at once.

A password is compared as RFC 8265 §4.2.2 has it (OpaqueString): in NFC, because one keyboard
sends "é" as one character and another as two; and with each kind of space as U+0020.
"""

import secrets
import unicodedata

from argon2 import PasswordHasher
from argon2.exceptions import HashingError, VerificationError, VerifyMismatchError
from argon2.low_level import Type

from token_server.accounts.fair_queue import FairQueue
from token_server.problems import Problem
from token_server.tokens.refusals import Overloaded

LONGEST_PASSWORD = 1024
"""In bytes of UTF-8, as it was sent."""


def recommended_hasher() -> PasswordHasher:
    """OWASP's first choice for argon2id; each parameter written out, because all are hashed in."""
    return PasswordHasher(
        time_cost=1, memory_cost=46 * 1024, parallelism=1, hash_len=32, salt_len=16, type=Type.ID
    )


_SPACES = dict.fromkeys(
    (0x00A0, 0x1680, *range(0x2000, 0x200B), 0x202F, 0x205F, 0x3000), " "
)  # All of Unicode's category Zs beyond ASCII.
_OPERATOR = "operator"
"""The network of a command, which shares its queue with no client."""


class Passwords:
    """`slots` of argon2 at once, `waiting` more in a fair queue; the rest is refused.

    So log-ins can neither take every core from the refreshes, nor pile up memory (46 MiB each).
    `network` is the one that the work is done for (token_server.networks).
    """

    def __init__(
        self, *, hasher: PasswordHasher | None = None, slots: int = 2, waiting: int = 64
    ) -> None:
        self._hasher = hasher or recommended_hasher()
        self._queue = FairQueue(slots=slots, waiting=waiting)
        self._hash_of_nobody = self._hasher.hash(secrets.token_bytes(32))

    async def hash(self, password: str, *, network: str = _OPERATOR) -> str:
        """A new hash. Raises: Problem, where this can be no password; Overloaded."""
        secret = _secrets_of(password)[0]
        if secret is None:
            raise Problem(
                f"a password has 1 to {LONGEST_PASSWORD} bytes of UTF-8",
                hint="use --generate to have one made",
            )
        return await self._queue.run(network, lambda: self._hash(secret))

    async def verify(
        self, password_hash: str | None, password: str, *, network: str = _OPERATOR
    ) -> bool:
        """Whether they fit. None is nobody's hash: it costs the same, and nothing fits.

        Raises: Overloaded.
        """
        for secret in _secrets_of(password):
            if await self._fits(password_hash, secret, network):
                return True
        return False

    async def _fits(self, password_hash: str | None, secret: bytes | None, network: str) -> bool:
        if password_hash is None or secret is None:
            unknown = self._hash_of_nobody
            await self._queue.run(network, lambda: self._verify(unknown, secret or b""))
            return False
        return await self._queue.run(network, lambda: self._verify(password_hash, secret))

    def needs_rehash(self, password_hash: str) -> bool:
        """Whether it was made with other parameters than ours."""
        return self._hasher.check_needs_rehash(password_hash)

    def _hash(self, secret: bytes) -> str:
        try:
            return self._hasher.hash(secret)
        except HashingError as no_memory:
            raise Overloaded from no_memory

    def _verify(self, password_hash: str, secret: bytes) -> bool:
        try:
            return self._hasher.verify(password_hash, secret)
        except VerifyMismatchError:
            return False
        except VerificationError as no_memory:
            # Not a wrong password: nobody may be told so, or be locked out for it.
            raise Overloaded from no_memory


def _secrets_of(password: str) -> list[bytes | None]:
    """Return what is hashed, and also what an earlier release hashed if that differs.

    None: it can be no password.
    """
    try:
        # The length first: NFC takes quadratic time over a long run of combining characters.
        if not 1 <= len(password.encode()) <= LONGEST_PASSWORD:
            return [None]
    except UnicodeEncodeError:  # a lone surrogate
        return [None]
    composed = unicodedata.normalize("NFC", password)
    opaque = unicodedata.normalize("NFC", password.translate(_SPACES))
    return [opaque.encode()] if opaque == composed else [opaque.encode(), composed.encode()]
