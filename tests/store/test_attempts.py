"""Attempts: a burst of failures, then one each interval, for each key apart."""

import asyncio
from datetime import timedelta

import pytest
from redis.asyncio import Redis
from support.moments import MovableClock

from token_server.store import names
from token_server.store.attempts import Attempts
from token_server.store.engine import Engine

pytestmark = pytest.mark.anyio

SIX_SECONDS = timedelta(seconds=6)
BURST = 100


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


@pytest.fixture
def attempts(redis: Redis) -> Attempts:
    return Attempts(Engine(redis, waits_for_fsync=False))


async def charged(
    attempts: Attempts, clock: MovableClock, times: int, key: str = "k"
) -> list[timedelta | None]:
    return [await attempts.charge(key, now=clock()) for _ in range(times)]


async def test_a_hundred_failures_are_free_and_then_one_each_six_seconds(
    attempts: Attempts, clock: MovableClock
) -> None:
    assert await charged(attempts, clock, BURST) == [None] * BURST
    assert await charged(attempts, clock, 2) == [SIX_SECONDS] * 2
    clock.move(seconds=5.999999)
    assert await charged(attempts, clock, 1) == [timedelta(microseconds=1)]
    clock.move(microseconds=1)
    assert await charged(attempts, clock, 2) == [None, SIX_SECONDS]


async def test_a_pause_pays_off_failures_but_saves_up_no_more_than_the_burst(
    attempts: Attempts, clock: MovableClock
) -> None:
    await charged(attempts, clock, BURST)
    clock.move(seconds=60)
    assert await charged(attempts, clock, 11) == [None] * 10 + [SIX_SECONDS]
    clock.move(days=30)
    assert (await charged(attempts, clock, BURST + 1))[-2:] == [None, SIX_SECONDS]


async def test_keys_count_apart(attempts: Attempts, clock: MovableClock) -> None:
    await charged(attempts, clock, BURST + 1)
    assert await charged(attempts, clock, 1, "other") == [None]


async def test_what_is_forgiven_counts_for_nothing(
    attempts: Attempts, clock: MovableClock
) -> None:
    await charged(attempts, clock, BURST - 1)
    for _ in range(5):
        assert await charged(attempts, clock, 1) == [None]
        await attempts.forgive("k")
    assert await charged(attempts, clock, 2) == [None, SIX_SECONDS]


async def test_forgiving_what_is_long_paid_off_leaves_nothing_behind(
    attempts: Attempts, redis: Redis
) -> None:
    await attempts.forgive("k")
    assert await redis.keys() == []


async def test_attempts_at_once_are_no_more_than_one_by_one(
    redis: Redis, clock: MovableClock
) -> None:
    servers = [Attempts(Engine(redis, waits_for_fsync=False)) for _ in range(2)]
    answers = await asyncio.gather(
        *(servers[n % 2].charge("k", now=clock()) for n in range(2 * BURST))
    )
    assert answers.count(None) == BURST


async def test_the_store_forgets_a_key_once_its_failures_are_paid_off(
    attempts: Attempts, clock: MovableClock, redis: Redis
) -> None:
    await charged(attempts, clock, BURST)
    assert 599_000 < await redis.pttl(names.ATTEMPTS + "k") <= 600_000


async def test_a_server_whose_clock_is_ahead_locks_out_for_minutes_only(
    attempts: Attempts, clock: MovableClock, redis: Redis
) -> None:
    clock.move(days=365)
    await charged(attempts, clock, BURST)
    await attempts.forgive("k")
    assert 0 < await redis.pttl(names.ATTEMPTS + "k") <= 600_000


async def test_moments_are_kept_exactly(attempts: Attempts, clock: MovableClock) -> None:
    """As whole microseconds: a double written by Lua's own tostring has lost them."""
    clock.now = clock.now.replace(microsecond=123_457)
    assert (await charged(attempts, clock, BURST + 1))[-1] == SIX_SECONDS
