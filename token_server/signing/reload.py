"""Keeps the keys of a running server current: it looks again and again, and when it is woken."""

import asyncio
import math
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import NoReturn, Self

from token_server import slots
from token_server.alarm import Alarm
from token_server.problems import Problem
from token_server.rounds import Rounds
from token_server.signing.live import LiveKeys
from token_server.signing.looked_for import LookedFor
from token_server.signing.reader import Heard, KeysetReader, Reading
from token_server.signing.tidying import KeysTidier
from token_server.slots import LimitedWait
from token_server.tokens.keyset_history import KeysetHistories, KeysetHistory
from token_server.tokens.ports import Clock, KeyExpiries
from token_server.tokens.refusals import TemporarilyUnavailable
from token_server.tokens.waiting import TooManyWaiting

LONGEST_INTERVAL = timedelta(seconds=5)
SHORTEST_INTERVAL = timedelta(milliseconds=100)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRecords:
    """What all servers record of their keys in the store."""

    expiries: KeyExpiries
    histories: KeysetHistories


class KeysetReload:
    """Whoever asks `live` for keys never waits for it."""

    def __init__(  # noqa: PLR0913 - each by its name
        self,
        reader: KeysetReader,
        records: KeyRecords,
        clock: Clock,
        *,
        first: Reading,
        heard: Heard | None,
        multi_buffer: bool,
    ) -> None:
        self.live = LiveKeys(
            first.keys,
            grace_period=reader.times.grace_period,
            propagation_period=reader.times.propagation_period,
            multi_buffer=multi_buffer,
        )
        self._reader = reader
        self._records = records
        self._recorded = KeysetHistory()
        self._clock = clock
        self._reading = first
        self._heard = heard
        self._rounds = Rounds(interval_for(reader.times.propagation_period))
        self._has_looked = asyncio.Event()
        self._one_at_a_time = asyncio.Lock()
        self._looked_for = LookedFor()
        self._waiting = LimitedWait(TooManyWaiting)
        self._looks = 0
        self._looked_at = -math.inf
        self._astray = Alarm(
            trouble="the keyset cannot be followed; the last good one stays in force",
            over="the keyset is good again",
        )
        self._untidy = Alarm(
            trouble="what is kept of the keys cannot be put in order",
            over="what is kept of the keys is in order again",
        )

    @classmethod
    async def open(
        cls,
        reader: KeysetReader,
        records: KeyRecords,
        clock: Clock,
        *,
        multi_buffer: bool = True,
    ) -> Self:
        """With everything that is needed to begin; the store may come later.

        `multi_buffer`: whether several signatures may be computed at once. Raises: Problem.
        """
        heard: Heard | None = None
        with suppress(TemporarilyUnavailable):
            heard = Heard(at=clock(), latest_expiries=await records.expiries.latest())
            reader.guard.learn(await records.histories.recorded())
        reading = await asyncio.to_thread(reader.read, heard, clock())
        for problem in reading.problems:
            raise problem
        return cls(reader, records, clock, first=reading, heard=heard, multi_buffer=multi_buffer)

    async def follow(self) -> NoReturn:
        """Look, from time to time and whenever woken."""
        while True:
            await self._rounds.next()
            await self.look()
            self._has_looked.set()

    async def keep_tidy(self, tidier: KeysTidier) -> NoReturn:
        """By what was seen last. It waits for who changes the directory; looking must not."""
        while True:
            await self._has_looked.wait()
            self._has_looked.clear()
            await self.tidy_up(tidier)

    def wake(self) -> None:
        self._rounds.wake()

    async def catch_up(self) -> bool:
        """Look, and say whether anything could be seen.

        Not at once if somebody just did: whoever shows unknown keys shall not keep us busy. A look
        that began before may have missed what is asked about.
        """
        asked = self._looks
        since = asyncio.get_running_loop().time() - self._looked_at
        with slots.set_aside():
            await asyncio.sleep(SHORTEST_INTERVAL.total_seconds() - since)
            await self._look_since(asked)
        return self._reading.is_current

    async def look_for_key_of(self, unverified_token: str) -> bool:
        """Catch up, unless that was done for the same token a moment ago.

        Raises: TooManyWaiting. The token may be good: its client is to ask again.
        """
        if not self._looked_for.has(unverified_token):
            with self._waiting.one():
                is_current = await self.catch_up()
            if is_current:
                self._looked_for.add(unverified_token)
        return self._reading.is_current

    async def look(self) -> None:
        """Go by the keyset as it is now. Those who ask meanwhile share the next look."""
        await self._look_since(self._looks)

    async def _look_since(self, asked: int) -> None:
        async with self._one_at_a_time:
            if self._looks > asked:
                return
            self._looks += 1
            self._looked_at = asyncio.get_running_loop().time()
            await self._hear()
            # Disks may be slow, and so is opening an encrypted key: that is its purpose.
            reading = await asyncio.to_thread(self._reader.read, self._heard, self._clock())
            if reading.keys != self.live.keys:
                self.live.take(reading.keys)
                self._looked_for.forget()
            self._reading = reading
            await self._record_history()
            self._astray.tell(reading.problems)

    async def tidy_up(self, tidier: KeysTidier) -> None:
        """Only where nothing is in doubt."""
        if self._reading.problems or self._heard is None:
            return
        problems = []
        try:
            await asyncio.to_thread(tidier.tidy, self._reading.written, self._heard)
        except Problem as problem:
            problems.append(problem)
        self._untidy.tell(problems)

    async def _hear(self) -> None:
        # What was heard before holds for the keys that all had stopped to sign with by then.
        with suppress(TemporarilyUnavailable):
            self._heard = Heard(
                at=self._clock(), latest_expiries=await self._records.expiries.latest()
            )
            self._recorded = await self._records.histories.recorded()
            self._reader.guard.learn(self._recorded)

    async def _record_history(self) -> None:
        """What this server has seen outlives it. The next look tries again."""
        seen = self._reader.guard.seen
        if seen.exceeds(self._recorded):
            with suppress(TemporarilyUnavailable):
                await self._records.histories.record(seen)


def interval_for(propagation_period: timedelta) -> timedelta:
    """How often to look, so that a change is picked up in a quarter of that period."""
    return min(LONGEST_INTERVAL, propagation_period / 8)
