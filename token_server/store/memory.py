"""The store secret: made once, in the store itself, and proof that a store is the one we knew."""

import hmac
import secrets

from token_server.store import names
from token_server.store.engine import Engine, Script
from token_server.tokens.identity import TokenIds
from token_server.tokens.refusals import StoreMemoryLost

_SECRET = Script("secret")


async def load_secret(engine: Engine) -> bytes:
    """The store's secret; made if there is none. Raises: StoreUnavailable."""
    offer = secrets.token_bytes(TokenIds.SECRET_BYTES)
    secret: bytes = await engine.run(_SECRET, [names.SECRET], [offer], durably=True)
    return secret


class StoreMemory:
    """Notices a store that was emptied or exchanged behind our back.

    What such a store says of a session ("unknown") must not become anybody's log-out.
    """

    def __init__(self, engine: Engine, secret: bytes) -> None:
        self._engine = engine
        self._secret = secret

    async def check(self) -> None:
        """Raises: StoreMemoryLost, StoreUnavailable."""
        present = await self._engine.command("GET", names.SECRET)
        if not isinstance(present, bytes) or not hmac.compare_digest(present, self._secret):
            raise StoreMemoryLost
