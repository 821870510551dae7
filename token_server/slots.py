"""The slot of a worker that a request holds, and giving it back while the request waits.

A worker serves a bounded number of requests at a time (web/overload.py). A request that waits for
something outside of the worker costs no time, so it must not keep others out.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Protocol


class Slot(Protocol):
    def set_aside(self) -> None:
        """Let another request have the slot."""

    def take_again(self) -> None:
        """End what `set_aside` began."""

    def turned_away(self, because: str) -> None:
        """Count a request that was refused, for the log."""


# Each request is served in a context of its own (http_server.py): there is nothing to undo.
_slot: ContextVar[Slot | None] = ContextVar("slot", default=None)

hold = _slot.set


@contextmanager
def set_aside() -> Iterator[None]:
    """Give the slot of the current request back for the time of a wait."""
    slot = _slot.get()
    if slot is None:
        yield
        return
    slot.set_aside()
    try:
        yield
    finally:
        slot.take_again()


class LimitedWait:
    """So many requests of a worker may wait for one thing."""

    MOST = 16

    def __init__(self, refusal: Callable[[], Exception]) -> None:
        self._refusal = refusal
        self._waiting = 0

    @property
    def is_full(self) -> bool:
        return self._waiting >= self.MOST

    @contextmanager
    def one(self) -> Iterator[None]:
        """Wait without a slot. Raises: the refusal, if too many wait already."""
        if self.is_full:
            if (slot := _slot.get()) is not None:
                slot.turned_away("too_many_waiting")
            raise self._refusal()
        self._waiting += 1
        try:
            with set_aside():
                yield
        finally:
            self._waiting -= 1
