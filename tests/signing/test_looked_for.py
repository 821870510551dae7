"""Tokens of unknown keys: the keyset is read for few at a time, and once for the same token."""

import asyncio
from pathlib import Path

import pytest
from redis.asyncio import Redis
from support.keys import fresh_keyset, public_key, rotated_keyset
from support.reloading import Follower, follow, lay_down, put

from token_server.signing.looked_for import LookedFor
from token_server.slots import LimitedWait
from token_server.tokens.waiting import TooManyWaiting

pytestmark = pytest.mark.anyio

KIDS = [public_key(number).kid for number in range(3)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    lay_down(tmp_path / "keys", fresh_keyset(), 0, 1)
    return tmp_path / "keys"


@pytest.fixture
async def server(folder: Path, redis: Redis) -> Follower:
    return await follow(folder, redis)


def rotate(folder: Path) -> None:
    lay_down(folder, rotated_keyset(), 0, 1, 2)


async def test_too_many_that_wait_for_unknown_keys_are_to_ask_again(server: Follower) -> None:
    tokens = [f"token {number}" for number in range(LimitedWait.MOST + 5)]
    looked = (server.reload.look_for_key_of(token) for token in tokens)
    outcomes = await asyncio.gather(*looked, return_exceptions=True)
    assert outcomes[: LimitedWait.MOST] == [True] * LimitedWait.MOST
    assert [type(each) for each in outcomes[LimitedWait.MOST :]] == [TooManyWaiting] * 5
    assert await server.reload.look_for_key_of(tokens[-1]), "all others have left"


async def test_keyset_is_not_read_again_for_the_same_token_until_it_has_changed(
    server: Follower, folder: Path, redis: Redis
) -> None:
    await server.reload.look_for_key_of("a token of a forgotten key")
    before = await looks_of(redis)
    for _ in range(5):
        assert await server.reload.look_for_key_of("a token of a forgotten key")
    assert await looks_of(redis) == before
    await server.reload.look_for_key_of("another one")
    assert await looks_of(redis) == before + 1
    rotate(folder)
    await server.reload.look()
    await server.reload.look_for_key_of("a token of a forgotten key")
    assert await looks_of(redis) == before + 3


async def test_token_is_not_remembered_while_the_keyset_cannot_be_read(
    server: Follower, folder: Path
) -> None:
    put(folder / "keyset.json", b"{")
    assert not await server.reload.look_for_key_of("a token")
    lay_down(folder, rotated_keyset(), 0, 1)
    assert await server.reload.look_for_key_of("a token")
    assert server.published == KIDS


async def looks_of(redis: Redis) -> int:
    """Each asks the store once when keys expire, and once what was seen of the keyset."""
    commands = await redis.info("commandstats")
    return int(commands["cmdstat_hgetall"]["calls"]) // 2


async def test_token_is_remembered_for_some_seconds() -> None:
    now = 0.0
    looked_for = LookedFor(lambda: now)
    assert not looked_for.has("a")
    looked_for.add("a")
    now = LookedFor.SECONDS - 0.1
    assert looked_for.has("a")
    assert not looked_for.has("b")
    now = LookedFor.SECONDS
    assert not looked_for.has("a")


async def test_the_oldest_is_forgotten_when_there_are_too_many() -> None:
    looked_for = LookedFor(lambda: 0.0)
    for number in range(LookedFor.MOST + 1):
        looked_for.add(f"{number}\ud800")
    assert not looked_for.has("0\ud800")
    assert looked_for.has("1\ud800")
    assert looked_for.has(f"{LookedFor.MOST}\ud800")
