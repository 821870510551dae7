"""The system's clock, randomness and cores: what the rooms are handed."""

import itertools
import os
import secrets
import sys
from datetime import UTC, datetime
from pathlib import Path

from token_server.cpu_quota import cpu_quota
from token_server.tokens.model import Attempt, SessionId


def system_clock() -> datetime:
    return datetime.now(UTC)


def cores(root: Path = Path("/")) -> int:
    """Return how many cores this process may use: its affinity and its CPU quota.

    A part of a core does not count: a process more than the quota would be stopped again and
    again.
    """
    if sys.platform != "linux":
        return os.cpu_count() or 1
    allowed = len(os.sched_getaffinity(0))
    quota = cpu_quota(root)
    return allowed if quota is None else max(1, min(allowed, int(quota)))


def worker_count(setting: int | None) -> int:
    """One per core where the setting leaves it open."""
    return setting or cores()


class RandomIds:
    """The Ids of tokens/ports.py."""

    def __init__(self) -> None:
        # The store keeps a number below 2^63 in half the memory of a text that is as long.
        self._count = itertools.count(secrets.randbits(62))

    def session_id(self) -> SessionId:
        return SessionId(secrets.token_urlsafe(16))

    def attempt(self) -> Attempt:
        """No two are alike, of no two servers; nobody has to guess them."""
        return Attempt(str(next(self._count)))
