"""The index of accounts: in another slot, changed apart, and never short of an account."""

from collections.abc import Callable
from datetime import timedelta
from itertools import combinations

import pytest
from redis.asyncio import Redis
from support.accounts import an_account
from support.stepped import Stepped, SteppedEngine

from token_server.store import names
from token_server.store.accounts import Accounts
from token_server.store.engine import Engine
from token_server.tokens.model import Subject

pytestmark = pytest.mark.anyio

ALICE = Subject("alice")
KEEP = timedelta(days=14)
STEPS_OF_ADD, STEPS_OF_REMOVE = 3, 6


def adding(redis: Redis) -> Stepped:
    engine = SteppedEngine(redis)
    return Stepped(engine, Accounts(engine, keep=KEEP).add(an_account(password_hash="new")))


def removing(redis: Redis) -> Stepped:
    engine = SteppedEngine(redis)
    return Stepped(engine, Accounts(engine, keep=KEEP).remove(ALICE))


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
    """Every order of their steps: 84 of them."""
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
        await accounts.remove(ALICE)
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
