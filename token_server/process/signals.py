"""Signals as facts that a loop reads when it likes."""

import os
import signal
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Final

IGNORED: Final = (signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)
"""Signals that end no process of the server. SIGHUP gets a handler later."""


def ignore_signals() -> None:
    """Ignore them in this process and, except SIGHUP, in all that it starts."""
    for each in IGNORED:
        signal.signal(each, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, IGNORED)


@contextmanager
def blocked_at_start() -> Iterator[None]:
    """Block them in a child that is started meanwhile, until it calls `ignore_signals`.

    A signal with a handler has none in a new program, which would end by it.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, IGNORED)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class SignalPipe:
    """Takes these signals over for the rest of the process's life."""

    def __init__(self, taken: Iterable[signal.Signals]) -> None:
        self._read_end, write_end = os.pipe()
        os.set_blocking(self._read_end, False)
        os.set_blocking(write_end, False)
        # Python writes the number of each signal there, but only of those that have a handler.
        signal.set_wakeup_fd(write_end, warn_on_full_buffer=False)
        for each in taken:
            signal.signal(each, lambda *_: None)

    def fileno(self) -> int:
        return self._read_end

    def arrived(self) -> set[signal.Signals]:
        try:
            return {signal.Signals(number) for number in os.read(self._read_end, 4096)}
        except BlockingIOError:
            return set()
