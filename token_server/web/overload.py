"""Who would wait for too long, or already has, is turned away; operators are told how many."""

import asyncio
import time
from collections import Counter

import structlog
from uvicorn.server import ServerState

from token_server.tokens.refusals import WaitedTooLong

LONGEST_WAIT_SECONDS = 2.0
"""In the worker, from when all of a request was read until it gets its turn.

Nobody waits longer for the store either (store/engine.py).
"""
TOLD_EVERY_SECONDS = 1.0

log = structlog.get_logger(__name__)


class Crowd:
    """The requests of one worker, and those that it turned away."""

    def __init__(self, tasks: "set[asyncio.Task[None]]") -> None:
        self._tasks = tasks
        self.held_up: set[object] = set()
        """Connections whose client keeps a task waiting."""
        self._turned_away: Counter[str] = Counter()

    @classmethod
    def of(cls, server_state: ServerState) -> "Crowd":
        """The one of all connections of a server."""
        crowd: Crowd | None = vars(server_state).get("crowd")
        if crowd is None:
            crowd = vars(server_state)["crowd"] = cls(server_state.tasks)
        return crowd

    def has(self, count: int) -> bool:
        return len(self._tasks) - len(self.held_up) >= count

    def leave(self) -> None:
        """The task at hand has answered. Before it is gone its client may have asked again.

        Nothing may be left for it to wait for: the server does not, when it stops.
        """
        if task := asyncio.current_task():
            self._tasks.discard(task)

    def turned_away(self, because: str) -> None:
        """Tell of it within a second, together with all others until then."""
        if not self._turned_away:
            asyncio.get_running_loop().call_later(TOLD_EVERY_SECONDS, self._tell)
        self._turned_away[because] += 1

    def _tell(self) -> None:
        log.warning("requests were turned away", **self._turned_away)
        self._turned_away.clear()


class Turn:
    """One request's waiting for its turn; it begins when all of it is read."""

    __slots__ = ("_crowd", "since")

    def __init__(self, crowd: Crowd) -> None:
        self._crowd = crowd
        self.since = time.monotonic()

    def is_waited_for(self) -> None:
        self.since = time.monotonic()

    def check(self) -> None:
        """Raises: WaitedTooLong. Nothing was decided yet, and nothing is lost."""
        if time.monotonic() - self.since > LONGEST_WAIT_SECONDS:
            self._crowd.turned_away(WaitedTooLong.reason)
            raise WaitedTooLong
