"""How the embedded store keeps what was promised: each write on disk before its answer."""

import pytest
from redis.asyncio import Redis

from token_server.store.fitness import check_fitness

pytestmark = pytest.mark.anyio

SETTINGS = {
    "appendonly": "yes",
    "appendfsync": "always",
    "aof-load-truncated": "yes",
    "maxmemory-policy": "noeviction",
    "save": "",
    "port": "0",
    "unixsocketperm": "700",
}


async def test_the_embedded_store_syncs_each_write_and_listens_on_its_socket_alone(
    redis: Redis,
) -> None:
    found = await redis.config_get(*SETTINGS)
    assert found == SETTINGS


async def test_nothing_is_waited_for_that_the_embedded_store_does_by_itself(redis: Redis) -> None:
    fitness = await check_fitness(redis)
    assert not fitness.waits_for_fsync
    assert fitness.warnings == ()
