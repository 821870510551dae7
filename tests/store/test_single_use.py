"""What is good once is good once, on all servers of a store, and for as long as asked."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest
from redis.asyncio import Redis
from support.crooked import crooked
from support.valkey import running_valkey

from token_server.store.connect import connect
from token_server.store.engine import Engine
from token_server.store.memory import StoreMemory, load_secret
from token_server.store.single_use import UsedOnce
from token_server.tokens.refusals import StoreMemoryLost, StoreUnavailable

pytestmark = pytest.mark.anyio
MINUTE = timedelta(minutes=1)


async def used_once(redis: Redis) -> UsedOnce:
    engine = Engine(redis, waits_for_fsync=False)
    return UsedOnce(engine, StoreMemory(engine, await load_secret(engine)))


async def test_of_many_callers_one_spends_it(redis: Redis) -> None:
    servers = [await used_once(redis) for _ in range(4)]
    spent = await asyncio.gather(*(each.spend("a", "b", keep=MINUTE) for each in servers * 10))
    assert spent.count(True) == 1


async def test_whose_answer_was_lost_is_not_taken_for_another(
    redis: Redis, store_socket: Path
) -> None:
    """A client would be refused its first assertion as a replay."""
    memory = StoreMemory(engine := Engine(redis, waits_for_fsync=False), await load_secret(engine))
    lossy = crooked(store_socket, loses=1, of=b"NX")
    async with lossy as line, connect(f"unix://{line}") as client:
        once = UsedOnce(Engine(client, waits_for_fsync=False), memory)
        assert await once.spend("a", keep=MINUTE)
        assert not await once.spend("a", keep=MINUTE)


async def test_names_are_told_apart_by_their_parts(redis: Redis) -> None:
    once = await used_once(redis)
    for name in (("a", "b"), ("ab",), ("a", "b", ""), ('a", "b',), ("b", "a"), ("\x00" * 999,)):
        assert await once.spend(*name, keep=MINUTE)
        assert not await once.spend(*name, keep=MINUTE)


async def test_it_is_forgotten_when_nobody_could_use_it_any_more(redis: Redis) -> None:
    once = await used_once(redis)
    await once.spend("a", keep=MINUTE)
    (key,) = [key async for key in redis.scan_iter("token-server:used:*")]
    assert 59_000 < await redis.pttl(key) <= 60_000
    assert await once.spend("b", keep=timedelta(0))


async def test_an_emptied_store_vouches_for_nothing(redis: Redis) -> None:
    once = await used_once(redis)
    await redis.flushall()
    with pytest.raises(StoreMemoryLost):
        await once.spend("a", keep=MINUTE)


async def test_it_is_on_disk_before_it_counts(tmp_path: Path) -> None:
    """A store that keeps no file cannot promise."""
    with running_valkey(tmp_path, "--appendonly", "no") as path:
        async with connect(f"unix://{path}") as client:
            engine = Engine(client, waits_for_fsync=False)
            memory = StoreMemory(engine, await load_secret(engine))
            once = UsedOnce(Engine(client, waits_for_fsync=True), memory)
            with pytest.raises(StoreUnavailable):
                await once.spend("a", keep=MINUTE)
