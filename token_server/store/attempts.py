"""Failed attempts by key, limited by GCRA: a burst, then one each interval."""

from datetime import datetime, timedelta

from token_server.store.engine import Engine, Script
from token_server.tokens.moments import from_micros, micros_in, to_micros

PREFIX = "token-server:attempts:"
_FAILED = Script("attempts")


class Attempts:
    """The AttemptLimiter of tokens/ports.py.

    Kept for each key is one moment: when all its failures are paid off, one each interval.
    """

    def __init__(
        self, engine: Engine, *, burst: int = 50, interval: timedelta = timedelta(seconds=6)
    ) -> None:
        self._engine = engine
        self._interval = interval
        self._tolerance = interval * (burst - 1)

    async def retry_in(self, key: str, *, now: datetime) -> timedelta | None:
        paid_off_at = await self._engine.command("GET", PREFIX + key)
        if paid_off_at is None:
            return None
        wait = from_micros(int(paid_off_at)) - self._tolerance - now
        return wait if wait > timedelta(0) else None

    async def failed(self, key: str, *, now: datetime) -> None:
        await self._engine.run(
            _FAILED, [PREFIX + key], [to_micros(now), micros_in(self._interval)]
        )
