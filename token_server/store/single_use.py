"""What may be used once, on all servers of one store."""

import hashlib
import json
import secrets
from datetime import timedelta

from token_server.store import names
from token_server.store.engine import Engine
from token_server.store.memory import StoreMemory

_MARK_BYTES = 8


class UsedOnce:
    """The SingleUse of tokens/ports.py."""

    def __init__(self, engine: Engine, memory: StoreMemory) -> None:
        self._engine = engine
        self._memory = memory

    async def spend(self, *name: str, keep: timedelta) -> bool:
        """Raises: StoreMemoryLost, StoreUnavailable."""
        # A digest: names come from outside, of any length; JSON parts them.
        digest = hashlib.sha256(json.dumps(name).encode()).hexdigest()
        kept = max(1, keep // timedelta(milliseconds=1))
        ours = secrets.token_bytes(_MARK_BYTES)
        marked = await self._engine.command(
            "SET", names.USED + digest, ours, "NX", "PX", kept, "GET"
        )
        # Our own mark: the command was repeated after its answer was lost.
        if marked not in (None, ours):
            return False
        await self._engine.make_durable()
        # An emptied store has forgotten what was used before.
        await self._memory.check()
        return True
