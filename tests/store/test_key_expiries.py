"""Until when tokens of a key may live: recorded ahead, never too early, on a real Valkey."""

import asyncio
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path

import pytest
from redis.asyncio import Redis
from support.moments import MovableClock
from support.valkey import running_valkey

from token_server.store.connect import connect
from token_server.store.engine import Engine
from token_server.store.key_expiries import StoredKeyExpiries
from token_server.tokens.model import Kid
from token_server.tokens.refusals import StoreUnavailable

pytestmark = pytest.mark.anyio

A, B = Kid("a"), Kid("b")
DAY, TICK = timedelta(days=1), timedelta(microseconds=1)


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


def of_a_server(redis: Redis, *, propagation_period: timedelta = DAY) -> StoredKeyExpiries:
    """What one server process keeps; servers share the store and nothing else."""
    engine = Engine(redis, waits_for_fsync=False)
    return StoredKeyExpiries(engine, propagation_period=propagation_period)


async def writes(redis: Redis) -> int:
    return int((await redis.info("commandstats")).get("cmdstat_hset", {"calls": 0})["calls"])


async def test_what_was_reserved_is_known_and_recorded(redis: Redis, clock: MovableClock) -> None:
    expiries = of_a_server(redis)
    assert not expiries.is_reserved(A, clock())
    await expiries.reserve(A, clock() + DAY)
    assert expiries.is_reserved(A, clock() + DAY)
    assert not expiries.is_reserved(B, clock())
    assert (await of_a_server(redis).latest())[A] >= clock() + DAY


@pytest.mark.parametrize(
    ("propagation_period", "step"),
    [
        (timedelta(days=1), timedelta(hours=1)),
        (timedelta(hours=4), timedelta(hours=1)),
        (timedelta(hours=1), timedelta(minutes=15)),
        (timedelta(0), timedelta(0)),
    ],
)
async def test_it_is_reserved_one_step_ahead_so_that_a_write_is_due_only_each_step(
    redis: Redis, clock: MovableClock, propagation_period: timedelta, step: timedelta
) -> None:
    expiries = of_a_server(redis, propagation_period=propagation_period)
    await expiries.reserve(A, clock())
    assert await expiries.latest() == {A: clock() + step}
    assert expiries.is_reserved(A, clock() + step)
    assert not expiries.is_reserved(A, clock() + step + TICK)


async def test_a_thousand_tokens_within_a_step_cost_one_write(
    redis: Redis, clock: MovableClock
) -> None:
    expiries = of_a_server(redis, propagation_period=timedelta(hours=1))
    before = await writes(redis)
    for _ in range(1000):
        await expiries.reserve(A, clock() + DAY)
        clock.move(seconds=0.8)
    assert await writes(redis) - before == 1


async def test_the_record_never_goes_back_whoever_writes_it(
    redis: Redis, clock: MovableClock
) -> None:
    ahead, behind = of_a_server(redis), of_a_server(redis)
    await ahead.reserve(A, clock() + DAY)
    recorded = await ahead.latest()
    await behind.reserve(A, clock())
    assert await behind.latest() == recorded
    # And who came later goes by what there was: no need to write for a day.
    assert behind.is_reserved(A, clock() + DAY)


async def test_of_many_servers_at_once_the_latest_expiry_stands(
    redis: Redis, clock: MovableClock
) -> None:
    servers = [of_a_server(redis, propagation_period=timedelta(0)) for _ in range(20)]
    await asyncio.gather(
        *(server.reserve(A, clock() + hours * DAY) for hours, server in enumerate(servers))
    )
    assert (await of_a_server(redis).latest())[A] == clock() + 19 * DAY
    for server in servers:
        assert (await server.latest())[A] == clock() + 19 * DAY


async def test_a_store_that_forgot_is_told_again(redis: Redis, clock: MovableClock) -> None:
    """We have signed by what it had recorded."""
    expiries = of_a_server(redis)
    await expiries.reserve(A, clock() + DAY)
    recorded = await expiries.latest()
    await redis.flushall()
    assert await expiries.latest() == recorded
    assert await of_a_server(redis).latest() == recorded


async def test_without_a_store_nothing_is_reserved_that_was_not_before(
    tmp_path: Path, clock: MovableClock
) -> None:
    async with AsyncExitStack() as opened:
        with running_valkey(tmp_path) as socket:
            expiries = of_a_server(await opened.enter_async_context(connect(f"unix://{socket}")))
            await expiries.reserve(A, clock())
        await expiries.reserve(A, clock() + timedelta(minutes=59))
        with pytest.raises(StoreUnavailable):
            await expiries.reserve(A, clock() + DAY)
    assert not expiries.is_reserved(A, clock() + DAY)


async def test_it_is_on_disk_before_the_key_signs(redis: Redis, clock: MovableClock) -> None:
    """Also in a store that does not sync each write itself; no token is signed before."""
    engine = Engine(redis, waits_for_fsync=True)
    expiries = StoredKeyExpiries(engine, propagation_period=DAY)
    await redis.config_resetstat()
    await expiries.reserve(A, clock() + DAY)
    assert (await redis.info("commandstats"))["cmdstat_waitaof"]["calls"] == 1
