"""Passwords: hashed and verified with argon2id, off the event loop, a bounded number at once.

A password is compared in its NFC form (RFC 8265 §4.2.2, OpaqueString): one keyboard sends "é" as
one character, another as two, and the person typed the same thing on both.
"""

import asyncio
import os
import secrets
import sys
import threading
import time
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import HashingError, VerificationError, VerifyMismatchError
from argon2.low_level import Type

from token_server.problems import Problem
from token_server.tokens.refusals import Overloaded

T = TypeVar("T")
LONGEST_PASSWORD = 1024
"""In bytes of UTF-8, as it was sent."""


def recommended_hasher() -> PasswordHasher:
    """OWASP's first choice for argon2id; each parameter written out, because all are hashed in."""
    return PasswordHasher(
        time_cost=1, memory_cost=46 * 1024, parallelism=1, hash_len=32, salt_len=16, type=Type.ID
    )


NICENESS = 15
LONGEST_WAIT_SECONDS = 5.0
"""For a thread: nobody waits for longer, and whoever asked again would be served twice."""


class Passwords:
    """`slots` of argon2 at once, `waiting` more in a queue, and whoever comes then is refused.

    So log-ins can neither take every core from the refreshes, nor pile up memory (46 MiB each).
    """

    def __init__(
        self, *, hasher: PasswordHasher | None = None, slots: int = 2, waiting: int = 64
    ) -> None:
        self._hasher = hasher or recommended_hasher()
        self._threads = ThreadPoolExecutor(
            slots, thread_name_prefix="argon2", initializer=_give_way
        )
        self._places = threading.BoundedSemaphore(slots + waiting)
        self._hash_of_nobody = self._hasher.hash(secrets.token_bytes(32))

    async def hash(self, password: str) -> str:
        """A new hash. Raises: Problem, where this can be no password; Overloaded."""
        secret = _bytes_of(password)
        if secret is None:
            raise Problem(
                f"a password has 1 to {LONGEST_PASSWORD} bytes of UTF-8",
                hint="use --generate to have one made",
            )
        return await self._in_a_slot(lambda: self._hash(secret))

    async def verify(self, password_hash: str | None, password: str) -> bool:
        """Whether they fit. None is nobody's hash: it costs the same, and nothing fits.

        Raises: Overloaded.
        """
        secret = _bytes_of(password)
        if password_hash is None or secret is None:
            await self._in_a_slot(lambda: self._verify(self._hash_of_nobody, secret or b""))
            return False
        return await self._in_a_slot(lambda: self._verify(password_hash, secret))

    def needs_rehash(self, password_hash: str) -> bool:
        """Whether it was made with other parameters than ours."""
        return self._hasher.check_needs_rehash(password_hash)

    async def _in_a_slot(self, work: Callable[[], T]) -> T:
        if not self._places.acquire(blocking=False):
            raise Overloaded
        job = self._threads.submit(_unless_late, work, time.monotonic())
        # By the job, not by its caller: a cancelled caller's job may still be running, and holds
        # its thread and its memory until it is done. One that still waits ends at once.
        job.add_done_callback(lambda _: self._places.release())
        return await asyncio.wrap_future(job)

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


def _unless_late(work: Callable[[], T], asked_at: float) -> T:
    if time.monotonic() - asked_at > LONGEST_WAIT_SECONDS:
        raise Overloaded
    return work()


def _give_way() -> None:
    """A log-in takes a core for fifty times as long as a refresh: it takes what those leave."""
    if sys.platform == "linux":  # Elsewhere a thread has no priority of its own.
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)


def _bytes_of(password: str) -> bytes | None:
    """What is hashed; None where it can be nobody's password."""
    try:
        # The length first: NFC takes quadratic time over a long run of combining characters.
        if not 1 <= len(password.encode()) <= LONGEST_PASSWORD:
            return None
    except UnicodeEncodeError:  # a lone surrogate
        return None
    return unicodedata.normalize("NFC", password).encode()
