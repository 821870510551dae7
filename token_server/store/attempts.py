"""Failed attempts by key, limited by GCRA: a burst, then one each interval."""

from datetime import datetime, timedelta

from token_server.store import names
from token_server.store.engine import Engine, Script
from token_server.tokens.moments import micros_in, to_micros

_CHARGE, _FORGIVE = Script("attempts_charge"), Script("attempts_forgive")


class Attempts:
    """The AttemptLimiter of tokens/guessing.py."""

    def __init__(
        self, engine: Engine, *, burst: int = 100, interval: timedelta = timedelta(seconds=6)
    ) -> None:
        self._engine = engine
        self._interval = interval
        self._tolerance = interval * (burst - 1)

    async def charge(self, key: str, *, now: datetime) -> timedelta | None:
        lengths = [micros_in(self._interval), micros_in(self._tolerance)]
        wait = int(
            await self._engine.run(_CHARGE, [names.ATTEMPTS + key], [to_micros(now), *lengths])
        )
        return timedelta(microseconds=wait) if wait else None

    async def forgive(self, key: str) -> None:
        await self._engine.run(_FORGIVE, [names.ATTEMPTS + key], [micros_in(self._interval)])
