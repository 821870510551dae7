"""Limits clients that show the same refused token again and again, in bounded memory.

Each worker counts for itself: nothing is asked of the store for a token that is known to be dead.
"""

import hashlib
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta

from token_server.tokens.ports import Clock
from token_server.tokens.refusals import TooManyAttempts

WINDOW = timedelta(seconds=60)
MOST_REFUSALS = 60
"""In one window, of one token."""
CAPACITY = 4096


@dataclass(slots=True, kw_only=True)
class _Count:
    since: datetime
    refusals: int


class RepeatedRefusals:
    """Counts refusals by digest of the token, the least recently shown forgotten first."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._counts: OrderedDict[bytes, _Count] = OrderedDict()

    def check(self, token: str) -> None:
        """Raises: TooManyAttempts, where this token was refused too often of late."""
        now = self._clock()
        digest = _digest(token)
        count = self._counts.get(digest)
        if count is None:
            return
        if not count.since <= now < count.since + WINDOW:
            del self._counts[digest]
            return
        self._counts.move_to_end(digest)
        if count.refusals >= MOST_REFUSALS:
            raise TooManyAttempts(count.since + WINDOW - now)

    def note(self, token: str) -> None:
        """Count one refusal of this token."""
        digest = _digest(token)
        count = self._counts.setdefault(digest, _Count(since=self._clock(), refusals=0))
        count.refusals += 1
        self._counts.move_to_end(digest)
        if len(self._counts) > CAPACITY:
            self._counts.popitem(last=False)


def _digest(token: str) -> bytes:
    return hashlib.blake2b(token.encode("utf-8", "surrogatepass"), digest_size=16).digest()
