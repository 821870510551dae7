"""The index of accounts: in another slot, changed apart, and never short of an account."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from datetime import timedelta
from itertools import combinations
from typing import Any

import pytest
from redis.asyncio import Redis
from support.accounts import THEN, an_account

from token_server.store import names
from token_server.store.accounts import Accounts
from token_server.store.engine import Argument, Engine, Script
from token_server.tokens.model import Subject

pytestmark = pytest.mark.anyio

ALICE = Subject("alice")
KEEP = timedelta(days=14)
STEPS_OF_ADD, STEPS_OF_REMOVE = 3, 4


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
    """One call, step by step."""

    def __init__(
        self, redis: Redis, call: Callable[[Accounts], Coroutine[object, object, bool]]
    ) -> None:
        self._engine = SteppedEngine(redis)
        self._task = asyncio.create_task(call(Accounts(self._engine, keep=KEEP)))

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


def adding(redis: Redis) -> Stepped:
    return Stepped(redis, lambda accounts: accounts.add(an_account(password_hash="new")))


def removing(redis: Redis) -> Stepped:
    return Stepped(redis, lambda accounts: accounts.remove(ALICE, at=THEN))


@pytest.fixture
def accounts(redis: Redis) -> Accounts:
    return Accounts(Engine(redis, waits_for_fsync=False), keep=KEEP)


async def assert_not_hidden(accounts: Accounts) -> None:
    present = await accounts.find(ALICE)
    assert await accounts.all() == ([present] if present else [])


@pytest.mark.parametrize("present", [False, True])
async def test_however_adding_and_removing_interleave_no_account_is_hidden(
    redis: Redis, accounts: Accounts, *, present: bool
) -> None:
    """Every order of their steps: 35 of them."""
    steps = STEPS_OF_ADD + STEPS_OF_REMOVE
    for adds in combinations(range(steps), STEPS_OF_ADD):
        await redis.flushall()
        if present:
            await accounts.add(an_account(password_hash="old"))
        add, remove = adding(redis), removing(redis)
        for turn in range(steps):
            await (add if turn in adds else remove).step()
        await add.finish()
        await remove.finish()
        await assert_not_hidden(accounts)


@pytest.mark.parametrize("present", [False, True])
@pytest.mark.parametrize("call", [adding, removing])
async def test_wherever_a_server_dies_no_account_is_hidden_and_the_next_call_clears_up(
    redis: Redis, accounts: Accounts, call: Callable[[Redis], Stepped], *, present: bool
) -> None:
    for survived in range(max(STEPS_OF_ADD, STEPS_OF_REMOVE)):
        await redis.flushall()
        if present:
            await accounts.add(an_account(password_hash="old"))
        dying = call(redis)
        for _ in range(survived):
            await dying.step()
        await dying.die()
        await assert_not_hidden(accounts)
        await accounts.remove(ALICE, at=THEN)
        assert await redis.exists(names.ACCOUNTS) == 0


async def test_a_listing_that_was_lost_heals_when_the_name_is_added_again(
    accounts: Accounts, redis: Redis
) -> None:
    await accounts.add(an_account())
    await redis.srem(names.ACCOUNTS, ALICE)
    assert not await accounts.add(an_account(password_hash="2"))
    assert await accounts.all() == [an_account()]


async def test_a_listed_name_without_an_account_is_passed_over(
    accounts: Accounts, redis: Redis
) -> None:
    await redis.sadd(names.ACCOUNTS, ALICE)
    assert await accounts.all() == []
