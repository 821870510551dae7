"""The beat of what goes on beside an app: again and again, and at once whenever it is woken."""

import asyncio
import signal
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import timedelta
from typing import NoReturn

CANCELLED_AGAIN_AFTER = 0.1


class Rounds:
    def __init__(self, interval: timedelta) -> None:
        self._interval = interval.total_seconds()
        self._woken = asyncio.Event()

    def wake(self) -> None:
        self._woken.set()

    async def next(self) -> None:
        """Return when it is time to look."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self._interval):
                await self._woken.wait()
        self._woken.clear()


@asynccontextmanager
async def beside(*work: Coroutine[None, None, NoReturn]) -> AsyncIterator[None]:
    """What goes on for as long as the app is open.

    A fault of ours in it ends the worker: better than to go by old keys unnoticed.
    """
    try:
        async with asyncio.TaskGroup() as tasks:
            going_on = [tasks.create_task(each) for each in work]
            yield
            # asyncio.wait_for of Python 3.11, which redis-py calls, may swallow a cancellation.
            while still := [each for each in going_on if not each.done()]:
                for each in still:
                    each.cancel()
                await asyncio.wait(still, timeout=CANCELLED_AGAIN_AFTER)
    except ExceptionGroup as faults:
        raise faults.exceptions[0] from None


_woken_by_sighup: list[Callable[[], None]] = []


@contextmanager
def on_sighup(*wake: Callable[[], None]) -> Iterator[None]:
    """Call them on each SIGHUP, after those of a block around this one."""
    before = signal.getsignal(signal.SIGHUP)
    is_first = not _woken_by_sighup
    _woken_by_sighup.extend(wake)
    loop = asyncio.get_running_loop()
    if is_first:
        loop.add_signal_handler(signal.SIGHUP, _wake_all)
    try:
        yield
    finally:
        for each in wake:
            _woken_by_sighup.remove(each)
        if is_first:
            # Without a handler, for a moment, the signal would end the process.
            mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
            loop.remove_signal_handler(signal.SIGHUP)
            signal.signal(signal.SIGHUP, before)
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def _wake_all() -> None:
    for each in _woken_by_sighup:
        each()
