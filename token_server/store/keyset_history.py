"""The highest counter of the keyset, and the revoked keys: one hash, which only grows."""

from token_server.store import names
from token_server.store.engine import Argument, Engine, Script
from token_server.tokens.keyset_history import KeysetHistory
from token_server.tokens.model import Kid
from token_server.tokens.moments import from_micros, to_micros

_RECORD = Script("keyset_history")
_COUNTER = b"counter"
_REVOKED = b"revoked:"


class StoredKeysetHistory:
    """The KeysetHistories of tokens/keyset_history.py."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def recorded(self) -> KeysetHistory:
        """Raises: TemporarilyUnavailable."""
        answer = await self._engine.command("HGETALL", names.KEYSET_HISTORY)
        return KeysetHistory(
            counter=int(answer.get(_COUNTER, 0)),
            revoked={
                Kid(name.removeprefix(_REVOKED).decode()): from_micros(int(micros))
                for name, micros in answer.items()
                if name.startswith(_REVOKED)
            },
        )

    async def record(self, history: KeysetHistory) -> None:
        """Raises: TemporarilyUnavailable."""
        arguments: list[Argument] = [history.counter]
        for kid, revoked_at in history.revoked.items():
            arguments += [_REVOKED + kid.encode(), to_micros(revoked_at)]
        await self._engine.run(_RECORD, [names.KEYSET_HISTORY], arguments, durably=True)
