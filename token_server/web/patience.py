"""How long a connection is waited for, as often as a request comes."""

import asyncio
from collections.abc import Callable


class Patience:
    """One timer for all the waiting: it runs on when that ends, and is asked when due."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, *, seconds: float, on_end: Callable[[], None]
    ) -> None:
        self._loop = loop
        self._seconds = seconds
        self._on_end = on_end
        self._ends_at: float | None = None
        self._timer: asyncio.TimerHandle | None = None

    @property
    def ends_at(self) -> float | None:
        """By the loop's clock; None where nothing is waited for."""
        return self._ends_at

    def begin(self) -> None:
        """Wait, unless one waits already."""
        if self._ends_at is None:
            self._ends_at = self._loop.time() + self._seconds
            if self._timer is None:
                self._timer = self._loop.call_at(self._ends_at, self._look)

    def stop(self) -> None:
        """There is nothing to wait for."""
        self._ends_at = None

    def forget(self) -> None:
        """There will be nothing to wait for any more."""
        self._ends_at = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        self._timer = None
        if self._ends_at is None:
            return
        if self._ends_at > self._loop.time():
            self._timer = self._loop.call_at(self._ends_at, self._look)
        else:
            self._ends_at = None
            self._on_end()
