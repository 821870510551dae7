"""The store secret: made once, in the store itself, and proof that a store is the one we knew."""

import hashlib
import hmac
import secrets
from collections.abc import Callable  # noqa: TC003 - no exceptions here

from token_server.problems import Problem
from token_server.store import names
from token_server.store.engine import Engine, Gate, Script
from token_server.tokens.identity import TokenIds
from token_server.tokens.refusals import StoreMemoryLost

_SECRET = Script("secret")
_IDENTITY = b"token-server store identity"
IDENTITY_LENGTH = 32


def identity_of(secret: bytes) -> str:
    """The public name of the store that has this secret; the secret cannot be derived from it."""
    return hmac.new(secret, _IDENTITY, hashlib.sha256).hexdigest()[:IDENTITY_LENGTH]


async def load_secret(engine: Engine) -> bytes:
    """The store's secret; made if there is none. Raises: Problem, StoreUnavailable."""
    offer = secrets.token_bytes(TokenIds.SECRET_BYTES)
    secret: bytes = await engine.run(_SECRET, [names.SECRET], [offer], durably=True)
    return _checked(secret)


async def find_secret(engine: Engine) -> bytes | None:
    """The store's secret, if it has one. Raises: Problem, StoreUnavailable."""
    secret: bytes | None = await engine.command("GET", names.SECRET)
    return None if secret is None else _checked(secret)


def _checked(secret: bytes) -> bytes:
    if len(secret) != TokenIds.SECRET_BYTES:
        raise Problem(
            f"the key {names.SECRET} in the store is not a store secret: "
            f"expected {TokenIds.SECRET_BYTES} bytes, found {len(secret)}",
            hint="set STORE_URL to a database that only token-server uses",
        )
    return secret


class StoreMemory:
    """Detects a store that was emptied or exchanged while the server runs.

    What such a store says of a session ("unknown") must not log out any client.

    `engine`: must not pass the gate. `secret`: None where the store at the start was another one
    than the recorded one.
    """

    def __init__(self, engine: Engine, secret: bytes | None, *, gate: Gate | None = None) -> None:
        self._engine = engine
        self._secret = secret
        self._gate = gate or Gate()
        self.on_lost: Callable[[], None] | None = None
        """Called when a request detects the loss, and so has closed the gate."""

    @property
    def secret(self) -> bytes | None:
        return self._secret

    async def check(self) -> None:
        """Raises: StoreMemoryLost, StoreUnavailable."""
        self._gate.check()
        present = await self._engine.command("GET", names.SECRET)
        known = self._secret or b""
        if not isinstance(present, bytes) or not hmac.compare_digest(present, known):
            self.close()
            if self.on_lost:
                self.on_lost()
            raise StoreMemoryLost

    async def find_secret(self) -> bytes | None:
        """The secret that the store has now, past the gate. Raises: Problem, StoreUnavailable."""
        return await find_secret(self._engine)

    def open(self, secret: bytes) -> None:
        """Rely on the store with this secret from now on."""
        self._secret = secret
        self._gate.is_open = True

    def close(self) -> None:
        self._gate.is_open = False
