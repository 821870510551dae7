"""Per account or client: the networks of its last good log-ins, as digests, in a sorted set."""

import hashlib
from datetime import datetime, timedelta
from typing import Literal

from token_server.store import names
from token_server.store.engine import Argument, Engine, Script
from token_server.tokens.moments import micros_in, to_micros

_NOTE = Script("known_networks")
MAX_NETWORKS = 16
KEPT_FOR = timedelta(days=90)


class StoredKnownNetworks:
    """The KnownNetworks of tokens/guessing.py."""

    def __init__(self, engine: Engine, *, kind: Literal["account", "client"]) -> None:
        self._engine = engine
        self._kind = kind

    async def note(self, name: str, network: str, *, now: datetime) -> None:
        key = names.known_networks(self._kind, name)
        seconds = KEPT_FOR // timedelta(seconds=1)
        words: list[Argument] = [_digest(network), to_micros(now), MAX_NETWORKS, seconds]
        await self._engine.run(_NOTE, [key], words)

    async def knows(self, name: str, network: str, *, now: datetime) -> bool:
        key = names.known_networks(self._kind, name)
        noted_at = await self._engine.command("ZSCORE", key, _digest(network))
        return noted_at is not None and float(noted_at) > to_micros(now) - micros_in(KEPT_FOR)


def _digest(network: str) -> str:
    return hashlib.sha256(network.encode("utf-8", "surrogatepass")).hexdigest()
