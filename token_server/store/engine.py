"""One connected store: runs a script or a command within a deadline, durably where asked."""

import asyncio
import hashlib
from collections.abc import Awaitable, Sequence
from datetime import timedelta
from importlib.resources import files
from typing import Any, TypeVar

from redis.asyncio import Redis
from redis.exceptions import NoScriptError, RedisError

from token_server.tokens.refusals import StoreUnavailable

T = TypeVar("T")
Argument = str | bytes | int


class Script:
    """Lua that runs as one atomic step; made of the named files of `scripts/`, in order."""

    def __init__(self, *names: str) -> None:
        folder = files("token_server.store") / "scripts"
        self.text = "".join((folder / f"{name}.lua").read_text("utf-8") for name in names)
        # EVALSHA names a script by its SHA-1; nothing secret depends on it.
        self.sha = hashlib.sha1(self.text.encode(), usedforsecurity=False).hexdigest()


class Engine:
    """A client and the deadline of its answers.

    `waits_for_fsync`: the store does not fsync each write itself, so what must be durable is
    waited for (WAITAOF).
    """

    def __init__(
        self,
        client: Redis,
        *,
        waits_for_fsync: bool,
        deadline: timedelta = timedelta(seconds=2),
    ) -> None:
        self.client = client
        self.waits_for_fsync = waits_for_fsync
        self._deadline = deadline.total_seconds()

    async def answer(self, asked: Awaitable[T]) -> T:
        """The answer of the store. Raises: StoreUnavailable, also where it is too slow."""
        try:
            async with asyncio.timeout(self._deadline):
                return await asked
        except (RedisError, OSError, TimeoutError) as fault:
            raise StoreUnavailable from fault

    async def command(self, *words: Argument) -> Any:  # noqa: ANN401 - as for a script
        """The answer to one command, in bytes."""
        asked = self.client.execute_command(*words)  # type: ignore[no-untyped-call]
        return await self.answer(asked)

    async def run(
        self,
        script: Script,
        keys: Sequence[str],
        arguments: Sequence[Argument],
        *,
        durably: bool = False,
    ) -> Any:  # noqa: ANN401 - what a script returns only its caller knows
        """Run a script; `durably`: return only once what it wrote is on disk."""
        if durably and self.waits_for_fsync:
            return await self.answer(self._run_and_wait(script, keys, arguments))
        return await self.answer(self._run(script, keys, arguments))

    async def _run(
        self, script: Script, keys: Sequence[str], arguments: Sequence[Argument]
    ) -> Any:  # noqa: ANN401
        try:
            return await self.client.evalsha(script.sha, len(keys), *keys, *arguments)
        except NoScriptError:
            # A restarted store knows no script. NOSCRIPT means that nothing was executed.
            return await self.client.eval(script.text, len(keys), *keys, *arguments)

    async def _run_and_wait(
        self, script: Script, keys: Sequence[str], arguments: Sequence[Argument]
    ) -> Any:  # noqa: ANN401
        # WAITAOF waits for the writes of its own connection: one pipeline, one connection.
        async with self.client.pipeline(transaction=False) as pipeline:
            pipeline.eval(script.text, len(keys), *keys, *arguments)
            pipeline.execute_command("WAITAOF", 1, 0, int(self._deadline * 1000))
            result, (synced_locally, _) = await pipeline.execute()
        if not synced_locally:
            raise StoreUnavailable
        return result
