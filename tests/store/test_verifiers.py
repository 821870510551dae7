"""Who fetched which version of the JWK Set: bounded, printable, shared by all servers."""

from datetime import timedelta

import pytest
from redis.asyncio import Redis
from support.moments import MovableClock

from token_server.store import verifiers
from token_server.store.engine import Engine
from token_server.store.verifiers import Verifiers
from token_server.tokens.model import Kid

pytestmark = pytest.mark.anyio

A, B = Kid("a"), Kid("b")


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


def of_a_server(redis: Redis) -> Verifiers:
    return Verifiers(Engine(redis, waits_for_fsync=False))


async def names_of(log: Verifiers) -> list[tuple[str, str, Kid]]:
    return [(each.network, each.user_agent, each.newest) for each in await log.all()]


async def test_the_last_version_of_each_verifier_is_known_to_all_servers(
    redis: Redis, clock: MovableClock
) -> None:
    one, other = of_a_server(redis), of_a_server(redis)
    one.fetched("192.0.2.1", "jose/6", A)
    one.fetched("192.0.2.1", "PyJWT/2", A)
    await one.write_down(clock())
    clock.move(seconds=5)
    other.fetched("192.0.2.1", "jose/6", B)
    await other.write_down(clock())
    assert await names_of(one) == [
        ("192.0.2.0/24", "jose/6", B),
        ("192.0.2.0/24", "PyJWT/2", A),
    ]
    moments = [each.fetched_at for each in await one.all()]
    assert moments == [clock(), clock() - timedelta(seconds=5)]


async def test_nothing_is_written_where_nobody_asked(redis: Redis, clock: MovableClock) -> None:
    log = of_a_server(redis)
    log.fetched("192.0.2.1", "jose/6", A)
    await log.write_down(clock())
    clock.move(seconds=5)
    await log.write_down(clock())
    assert [each.fetched_at for each in await log.all()] == [clock() - timedelta(seconds=5)]


@pytest.mark.parametrize(
    ("user_agent", "shown"),
    [
        ("", "-"),
        ("a\x1b[2Jb\nc", "a?[2Jb?c"),
        ("ü", "?"),
        ("x" * 1000, "x" * 100),
        ("two words", "two words"),
    ],
)
async def test_what_a_verifier_calls_itself_can_be_printed(
    redis: Redis, clock: MovableClock, user_agent: str, shown: str
) -> None:
    log = of_a_server(redis)
    log.fetched("192.0.2.1", user_agent, A)
    await log.write_down(clock())
    assert await names_of(log) == [("192.0.2.0/24", shown, A)]


async def test_who_invents_user_agents_drives_nobody_out(
    redis: Redis, clock: MovableClock
) -> None:
    log = of_a_server(redis)
    log.fetched("192.0.2.1", "honest", A)
    for number in range(5_000):
        log.fetched("198.51.100.1", f"invented/{number}", A)
    await log.write_down(clock())
    found = await names_of(log)
    assert ("192.0.2.0/24", "honest", A) in found
    assert len(found) == verifiers.MOST_OF_A_NETWORK + 1


async def test_no_more_are_written_at_once_than_may_stay(
    redis: Redis, clock: MovableClock
) -> None:
    """Whoever has many addresses, and invents user agents, keeps the store busy no longer."""
    log = of_a_server(redis)
    for number in range(1_000):
        for agent in ("a", "b"):
            log.fetched(f"10.{number // 250}.{number % 250}.1", agent, A)
    await redis.config_resetstat()
    await log.write_down(clock())
    commands = await redis.info("commandstats")
    assert commands["cmdstat_hset"]["calls"] == verifiers.MOST


async def test_of_too_many_those_stay_that_were_seen_last(
    redis: Redis, clock: MovableClock
) -> None:
    log = of_a_server(redis)
    for number in range(1_030):
        log.fetched(f"10.{number // 250}.{number % 250}.1", "v", A)
        if number % 10 == 9:
            clock.move(seconds=1)
            await log.write_down(clock())
    found = await log.all()
    assert len(found) == verifiers.MOST
    assert {each.network for each in found} >= {"10.4.29.0/24", "10.1.0.0/24"}
    assert "10.0.0.0/24" not in {each.network for each in found}
