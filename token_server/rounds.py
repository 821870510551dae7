"""The beat of what looks again and again: after some seconds, and at once whenever it is woken."""

import asyncio
from contextlib import suppress
from datetime import timedelta


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
