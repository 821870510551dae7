"""The history of the keyset only grows, whichever server records it, on a real Valkey."""

from datetime import UTC, datetime, timedelta

import pytest
from redis.asyncio import Redis

from token_server.store.engine import Engine
from token_server.store.keyset_history import StoredKeysetHistory
from token_server.tokens.keyset_history import KeysetHistory
from token_server.tokens.model import Kid

pytestmark = pytest.mark.anyio
A, B = Kid("a"), Kid("b")
THEN = datetime(2026, 11, 21, 12, 0, 0, 123456, tzinfo=UTC)
LATER = THEN + timedelta(hours=1)


def of_a_server(redis: Redis) -> StoredKeysetHistory:
    return StoredKeysetHistory(Engine(redis, waits_for_fsync=False))


async def test_a_store_without_a_history_says_so(redis: Redis) -> None:
    assert await of_a_server(redis).recorded() == KeysetHistory(counter=0, revoked={})


async def test_an_older_counter_and_a_missing_revocation_change_nothing(redis: Redis) -> None:
    await of_a_server(redis).record(KeysetHistory(counter=7, revoked={A: THEN}))
    await of_a_server(redis).record(KeysetHistory(counter=6, revoked={}))
    assert await of_a_server(redis).recorded() == KeysetHistory(counter=7, revoked={A: THEN})


async def test_a_revocation_keeps_its_first_moment_and_others_are_added(redis: Redis) -> None:
    await of_a_server(redis).record(KeysetHistory(counter=9, revoked={A: THEN}))
    await of_a_server(redis).record(KeysetHistory(counter=10, revoked={A: LATER, B: LATER}))
    recorded = await of_a_server(redis).recorded()
    assert recorded == KeysetHistory(counter=10, revoked={A: THEN, B: LATER})
