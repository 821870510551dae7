"""Attempts: a burst of failures, then one each interval, for each key apart."""

import asyncio
from datetime import timedelta

import pytest
from redis.asyncio import Redis
from support.moments import MovableClock

from token_server.store.attempts import Attempts
from token_server.store.engine import Engine

pytestmark = pytest.mark.anyio

SECOND = timedelta(seconds=1)


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


@pytest.fixture
def attempts(redis: Redis) -> Attempts:
    return Attempts(Engine(redis, waits_for_fsync=False))


async def fail(attempts: Attempts, clock: MovableClock, times: int, key: str = "k") -> None:
    for _ in range(times):
        await attempts.failed(key, now=clock())


async def test_fifty_failures_are_free_and_then_one_each_six_seconds(
    attempts: Attempts, clock: MovableClock
) -> None:
    await fail(attempts, clock, 49)
    assert await attempts.retry_in("k", now=clock()) is None
    await fail(attempts, clock, 1)
    assert await attempts.retry_in("k", now=clock()) == 6 * SECOND
    clock.move(seconds=5.999999)
    assert await attempts.retry_in("k", now=clock()) == timedelta(microseconds=1)
    clock.move(microseconds=1)
    assert await attempts.retry_in("k", now=clock()) is None
    await fail(attempts, clock, 1)
    assert await attempts.retry_in("k", now=clock()) == 6 * SECOND


async def test_a_pause_pays_off_failures_but_saves_up_no_more_than_the_burst(
    attempts: Attempts, clock: MovableClock
) -> None:
    await fail(attempts, clock, 50)
    clock.move(seconds=60)
    await fail(attempts, clock, 10)
    assert await attempts.retry_in("k", now=clock()) == 6 * SECOND
    clock.move(days=30)
    await fail(attempts, clock, 50)
    assert await attempts.retry_in("k", now=clock()) == 6 * SECOND


async def test_keys_count_apart(attempts: Attempts, clock: MovableClock) -> None:
    await fail(attempts, clock, 60, "k")
    assert await attempts.retry_in("other", now=clock()) is None


async def test_asking_charges_nothing(
    attempts: Attempts, clock: MovableClock, redis: Redis
) -> None:
    for _ in range(100):
        assert await attempts.retry_in("k", now=clock()) is None
    assert await redis.keys() == []


async def test_failures_at_once_all_count_on_all_servers(
    redis: Redis, clock: MovableClock
) -> None:
    servers = [Attempts(Engine(redis, waits_for_fsync=False)) for _ in range(2)]
    await asyncio.gather(*(servers[n % 2].failed("k", now=clock()) for n in range(60)))
    assert await servers[0].retry_in("k", now=clock()) == 11 * 6 * SECOND


async def test_the_store_forgets_a_key_once_its_failures_are_paid_off(
    attempts: Attempts, clock: MovableClock, redis: Redis
) -> None:
    await fail(attempts, clock, 50)
    kept = await redis.pttl("token-server:attempts:k")
    assert 299_000 < kept <= 300_000


async def test_a_server_whose_clock_is_ahead_locks_out_for_minutes_only(
    attempts: Attempts, clock: MovableClock, redis: Redis
) -> None:
    clock.move(days=365)
    await fail(attempts, clock, 50)
    assert await redis.pttl("token-server:attempts:k") <= 300_000


async def test_moments_are_kept_exactly(attempts: Attempts, clock: MovableClock) -> None:
    """As whole microseconds: a double written by Lua's own tostring has lost them."""
    clock.now = clock.now.replace(microsecond=123_457)
    await fail(attempts, clock, 51)
    assert await attempts.retry_in("k", now=clock()) == 12 * SECOND
