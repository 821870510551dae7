"""Limits clients that show the same refused token again and again, in bounded memory.

Each worker counts for itself: nothing is asked of the store for a token that is known to be dead.
"""

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
    """Counts refusals by hash of the token, the least recently shown forgotten first."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        # Python's hash of a text: keyed anew in each process, so that nobody can make two of one.
        self._counts: OrderedDict[int, _Count] = OrderedDict()

    def check(self, token: str) -> None:
        """Raises: TooManyAttempts, where this token was refused too often of late."""
        hashed = hash(token)
        count = self._counts.get(hashed)
        if count is None:
            return
        now = self._clock()
        if not count.since <= now < count.since + WINDOW:
            del self._counts[hashed]
            return
        self._counts.move_to_end(hashed)
        if count.refusals >= MOST_REFUSALS:
            raise TooManyAttempts(count.since + WINDOW - now)

    def note(self, token: str) -> None:
        """Count one refusal of this token."""
        hashed = hash(token)
        count = self._counts.setdefault(hashed, _Count(since=self._clock(), refusals=0))
        count.refusals += 1
        self._counts.move_to_end(hashed)
        if len(self._counts) > CAPACITY:
            self._counts.popitem(last=False)
