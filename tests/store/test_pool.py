"""How the connections of one client are shared out, on a real Valkey."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from redis.asyncio import Redis
from redis.exceptions import RedisError

from token_server.store.connect import connect
from token_server.store.pool import CONNECTIONS, FairPool

pytestmark = pytest.mark.anyio


@pytest.fixture
async def client(store_socket: Path) -> AsyncIterator[Redis]:
    client = connect(f"unix://{store_socket}")
    yield client
    await client.aclose()


@pytest.fixture
def pool(client: Redis) -> FairPool:
    pool = client.connection_pool
    assert isinstance(pool, FairPool)
    return pool


async def test_a_burst_waits_for_its_turn(client: Redis, redis: Redis) -> None:
    answers = await asyncio.gather(*(client.echo(str(number)) for number in range(500)))
    clients = await redis.client_list()
    assert answers == [b"%d" % number for number in range(500)]
    assert len(clients) <= CONNECTIONS + len(["redis"])


async def test_who_comes_later_does_not_overtake(pool: FairPool) -> None:
    taken = [await pool.get_connection() for _ in range(CONNECTIONS)]
    served = []

    async def ask(name: str) -> None:
        connection = await pool.get_connection()
        served.append(name)
        await pool.release(connection)

    waiting = [asyncio.create_task(ask(name)) for name in ("first", "second")]
    await asyncio.sleep(0)
    await pool.release(taken.pop())
    await ask("late")
    await asyncio.gather(*waiting, *map(pool.release, taken))
    assert served == ["first", "second", "late"]


async def test_who_waits_in_vain_is_told_in_time(client: Redis, redis: Redis) -> None:
    waiting = [asyncio.ensure_future(client.blpop("nothing")) for _ in range(CONNECTIONS)]
    while (await redis.info("clients"))["blocked_clients"] < CONNECTIONS:
        pass
    async with asyncio.timeout(2):
        with pytest.raises(RedisError, match="No connection available"):
            await client.ping()
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    assert await client.ping()


async def test_who_gives_up_leaves_the_place_to_others(client: Redis, pool: FairPool) -> None:
    """Wherever it is cancelled: waiting for its turn, connecting, or for the answer."""
    for steps in range(25):
        calls = [asyncio.ensure_future(client.ping()) for _ in range(CONNECTIONS * 2)]
        for _ in range(steps):
            await asyncio.sleep(0)
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)
    taken = await asyncio.gather(*(pool.get_connection() for _ in range(CONNECTIONS)))
    assert len(set(taken)) == CONNECTIONS
    await asyncio.gather(*map(pool.release, taken))


async def test_a_connection_that_fails_leaves_its_place_to_others(tmp_path: Path) -> None:
    client = connect(f"unix://{tmp_path}/nothing")
    calls = (client.ping() for _ in range(CONNECTIONS * 2))
    failed = await asyncio.gather(*calls, return_exceptions=True)
    await client.aclose()
    assert {"nothing" in str(fault) for fault in failed} == {True}
