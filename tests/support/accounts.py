"""Accounts without a command line, and argon2 that can be counted and held up."""

import threading
from datetime import UTC, datetime

from argon2 import PasswordHasher

from token_server.tokens.model import Account, Subject

THEN = datetime(2026, 11, 21, 12, 0, 0, 123456, tzinfo=UTC)
HASH = "$argon2id$one"


def an_account(name: str = "alice", *, password_hash: str = HASH, at: datetime = THEN) -> Account:
    return Account(
        name=Subject(name),
        password_hash=password_hash,
        disabled=False,
        profile='{"email":"é@b.example"}',
        created_at=at,
        updated_at=at,
        password_updated_at=at,
    )


# A thread that waited for ever would keep a failing test run from ending.
_PATIENCE = 10.0


class WatchedHasher(PasswordHasher):
    """Real argon2, with the least memory; says what it verified, and how much went on at once.

    While `gate` is cleared, whatever began waits before it computes.
    """

    def __init__(self, *, memory_cost: int = 8, time_cost: int = 1) -> None:
        super().__init__(time_cost=time_cost, memory_cost=memory_cost, parallelism=1)
        self.gate = threading.Event()
        self.gate.set()
        self.verified: list[str] = []
        """The parameters of each hash that a password was verified against."""
        self.running = self.most_at_once = 0
        self._lock = threading.Lock()

    def verify(self, hash: str | bytes, password: str | bytes) -> bool:  # type: ignore[override]  # noqa: A002 - argon2's own name
        with self._lock:
            self.running += 1
            self.most_at_once = max(self.most_at_once, self.running)
            self.verified.append(str(hash).rsplit("$", 2)[0])
        try:
            self.gate.wait(_PATIENCE)
            return super().verify(hash, password)
        finally:
            with self._lock:
                self.running -= 1
