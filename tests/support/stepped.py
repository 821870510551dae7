"""An engine that asks the store one thing at a time, whenever a test lets it."""

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any

from redis.asyncio import Redis

from token_server.store.engine import Argument, Engine, Script


class SteppedEngine(Engine):
    """Waits for its turn before each thing that it asks the store."""

    def __init__(self, client: Redis) -> None:
        super().__init__(client, waits_for_fsync=False)
        self._turns = asyncio.Semaphore(0)
        self.waits = False

    async def command(self, *words: Argument) -> Any:  # noqa: ANN401 - as Engine has it
        await self._turn()
        return await super().command(*words)

    async def run(
        self,
        script: Script,
        keys: Sequence[str],
        arguments: Sequence[Argument],
        *,
        durably: bool = False,
    ) -> Any:  # noqa: ANN401 - as Engine has it
        await self._turn()
        return await super().run(script, keys, arguments, durably=durably)

    async def _turn(self) -> None:
        self.waits = True
        await self._turns.acquire()

    def let_pass(self) -> None:
        self.waits = False
        self._turns.release()


class Stepped:
    """One call on such an engine, step by step."""

    def __init__(self, engine: SteppedEngine, call: Coroutine[object, object, object]) -> None:
        self._engine = engine
        self._task = asyncio.create_task(call)

    async def step(self) -> None:
        await self._settle()
        if not self._task.done():
            self._engine.let_pass()
            await self._settle()

    async def finish(self) -> None:
        while not self._task.done():
            await self.step()

    async def die(self) -> None:
        self._task.cancel()
        await asyncio.wait([self._task])

    async def _settle(self) -> None:
        while not (self._engine.waits or self._task.done()):  # noqa: ASYNC110 - of the test's own
            await asyncio.sleep(0)
