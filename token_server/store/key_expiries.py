"""Until when tokens of each signing key may live: a write per step ahead, not per token."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from token_server.store import names
from token_server.store.engine import Engine, Script
from token_server.tokens.model import Kid
from token_server.tokens.moments import EPOCH, from_micros, to_micros

_RESERVE = Script("reserve")
_LONGEST_STEP = timedelta(hours=1)


class StoredKeyExpiries:
    """The KeyExpiries of tokens/ports.py."""

    def __init__(self, engine: Engine, *, propagation_period: timedelta) -> None:
        self._engine = engine
        # A key that has stopped stays published for one step longer than it must.
        self._step = min(_LONGEST_STEP, propagation_period / 4)
        self._known: dict[Kid, datetime] = {}

    def is_reserved(self, kid: Kid, until: datetime) -> bool:
        return until <= self._known.get(kid, EPOCH)

    async def reserve(self, kid: Kid, until: datetime) -> None:
        if not self.is_reserved(kid, until):
            await self._record(kid, until, offered=until + self._step)

    async def latest(self) -> Mapping[Kid, datetime]:
        recorded = await self._recorded()
        forgotten = [kid for kid, known in self._known.items() if recorded.get(kid, EPOCH) < known]
        # A store that failed over may have forgotten its last writes; we have signed by them.
        for kid in forgotten:
            await self._record(kid, self._known[kid], offered=self._known[kid])
        return recorded | {kid: self._known[kid] for kid in forgotten}

    async def _recorded(self) -> dict[Kid, datetime]:
        answer = await self._engine.command("HGETALL", names.KEY_EXPIRIES)
        return {Kid(kid.decode()): from_micros(int(micros)) for kid, micros in answer.items()}

    async def _record(self, kid: Kid, needed: datetime, *, offered: datetime) -> None:
        recorded = await self._engine.run(
            _RESERVE,
            [names.KEY_EXPIRIES],
            [kid, to_micros(needed), to_micros(offered)],
            durably=True,
        )
        self._known[kid] = max(from_micros(int(recorded)), self._known.get(kid, EPOCH))
