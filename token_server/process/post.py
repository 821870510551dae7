"""The post of one worker: there is somebody on it, or about to be."""

import math
import signal
import socket
from collections.abc import Sequence

from token_server.problems import Problem
from token_server.process.child import Child, Orders
from token_server.process.tally import Seat

# Who listened for that long is replaced at once. Others may die again and again: the first two
# are replaced at once too, and then each next one waits longer.
PROVEN_SECONDS = 1.0
PAUSES_SECONDS = (0, 0, 0, 0.25, 0.5, 1, 2, 5)


class Post:
    """Starts a worker on its seat, and another one when that one dies."""

    def __init__(self, listeners: Sequence[socket.socket], seat: Seat, orders: Orders) -> None:
        self._listeners = listeners
        self._seat = seat
        self._orders = orders
        self._child: Child | None = None
        self._proven_at = math.inf
        self._due_at = -math.inf
        self._early_deaths = 0

    @property
    def child(self) -> Child | None:
        return self._child

    @property
    def is_ready(self) -> bool:
        return self._child is not None and self._child.is_listening

    def tend(self, now: float) -> Problem | None:
        """What the worker died of, if it just did."""
        if self._child is None:
            return self._fill(now) if now >= self._due_at else None
        if problem := self.bury(now):
            self._plan(now)
        elif self._child.is_listening:
            self._proven_at = min(self._proven_at, now + PROVEN_SECONDS)
        return problem

    def bury(self, now: float) -> Problem | None:
        """As `tend`, but the post stays empty."""
        problem = self._child.died_of(now) if self._child else None
        if problem:
            self._child = None
            self._seat.vacate()
        return problem

    def send(self, signal_: signal.Signals) -> None:
        if self._child:
            self._child.send(signal_)

    def kill(self) -> None:
        if self._child:
            self._child.kill()
            self._child = None

    def _fill(self, now: float) -> Problem | None:
        self._proven_at = math.inf
        try:
            self._child = Child(self._listeners, self._seat, self._orders, now=now)
        except OSError as fault:
            self._plan(now)
            return Problem(f"no worker can be started: {fault.strerror}")
        return None

    def _plan(self, now: float) -> None:
        self._early_deaths = 0 if now >= self._proven_at else self._early_deaths + 1
        self._due_at = now + PAUSES_SECONDS[min(self._early_deaths, len(PAUSES_SECONDS) - 1)]
