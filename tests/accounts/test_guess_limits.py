"""Guesses are limited by network, by account and by both; the owner of an account gets in."""

import asyncio
from datetime import timedelta

import pytest
from redis.asyncio import Redis
from support.log_in import PEER, Door

from token_server.store.engine import Engine
from token_server.store.known_networks import StoredKnownNetworks
from token_server.tokens.model import Subject
from token_server.tokens.refusals import Overloaded, TooManyAttempts

pytestmark = pytest.mark.anyio

ELSEWHERE = "198.51.100.7"


async def with_alice(door: Door) -> Door:
    await door.add("alice", "right")
    return door


async def use_up(door: Door, name: str, peer: str = PEER) -> None:
    while await door.may_try(name, peer):
        pass


async def test_an_attempt_that_found_argon2_busy_is_given_back(redis: Redis) -> None:
    door = await with_alice(Door(redis, waiting=0))
    door.hasher.gate.clear()
    busy = [asyncio.create_task(door.may_try("bob", f"192.0.2.{n}")) for n in (8, 9)]
    while door.hasher.running < 2:  # noqa: ASYNC110 - what a thread does sets no asyncio.Event
        await asyncio.sleep(0)
    for _ in range(door.burst * 2):
        assert isinstance(await door.refusal("alice", "right"), Overloaded)
    door.hasher.gate.set()
    await asyncio.gather(*busy)
    assert await door.log_in("alice", "right", peer=PEER) == "alice"


async def test_one_password_tried_on_many_names_is_limited_by_network(redis: Redis) -> None:
    door = await with_alice(Door(redis, network_burst=5))
    assert [await door.may_try(f"name-{n}") for n in range(7)] == [True] * 5 + [False] * 2
    assert await door.may_try("name-8", ELSEWHERE)


async def test_a_refused_attempt_consumes_no_other_budget(redis: Redis) -> None:
    door = await with_alice(Door(redis, network_burst=4))
    for _ in range(10):
        await door.may_try("alice")
    assert await door.may_try("bob")


async def test_an_account_that_is_guessed_from_many_networks_leaves_each_few_attempts(
    redis: Redis,
) -> None:
    door = await with_alice(Door(redis, account_burst=3))
    for number in range(3):
        assert await door.may_try("alice", f"192.0.2.{number}")
    assert await door.may_try("alice", "192.0.2.9")
    assert not await door.may_try("alice", "192.0.2.9")
    door.clock.move(minutes=9)
    assert not await door.may_try("alice", "192.0.2.9")


async def test_an_account_is_never_locked_out_by_guesses_from_elsewhere(redis: Redis) -> None:
    door = await with_alice(Door(redis, account_burst=3))
    for number in range(20):
        await use_up(door, "alice", f"192.0.2.{number}")
    for _ in range(5):
        assert await door.log_in("alice", "right", peer=ELSEWHERE) == "alice"


async def test_a_flood_with_other_names_keeps_no_owner_out_of_a_known_network(
    redis: Redis,
) -> None:
    door = await with_alice(Door(redis, network_burst=5))
    await door.add("bob", "right")
    assert await door.log_in("alice", "right", peer=PEER) == "alice"
    while await door.may_try("nobody"):
        pass
    for number in range(5):
        await use_up(door, f"name-{number}")
    for _ in range(5):
        assert await door.log_in("alice", "right", peer=PEER) == "alice"
    assert isinstance(await door.refusal("bob", "right"), TooManyAttempts)


async def test_guesses_of_a_name_from_its_known_network_leave_it_a_refilled_reserve(
    redis: Redis,
) -> None:
    door = await with_alice(Door(redis))
    assert await door.log_in("alice", "right", peer=PEER) == "alice"
    assert [await door.may_try("alice") for _ in range(6)] == [True] * 5 + [False]
    assert isinstance(await door.refusal("alice", "right"), TooManyAttempts)
    door.clock.move(minutes=1)
    assert await door.may_try("alice")
    assert await door.log_in("alice", "right", peer=PEER) == "alice"


async def test_the_reserve_of_a_known_network_has_a_limit_over_days(redis: Redis) -> None:
    door = await with_alice(Door(redis, known_burst=3))
    assert await door.log_in("alice", "right", peer=PEER) == "alice"
    await use_up(door, "alice")
    door.clock.move(minutes=1)
    # One of the pair, one of the reserve, and then its limit.
    assert [await door.may_try("alice") for _ in range(3)] == [True, True, False]
    door.clock.move(minutes=10)
    await use_up(door, "alice")
    refused = await door.refusal("alice", "right")
    assert isinstance(refused, TooManyAttempts)


async def test_a_network_is_known_for_90_days_after_a_good_log_in(redis: Redis) -> None:
    door = await with_alice(Door(redis, network_burst=1))
    await door.log_in("alice", "right", peer=PEER)
    door.clock.move(days=89)
    await use_up(door, "nobody")
    assert await door.log_in("alice", "right", peer=PEER) == "alice"
    door.clock.move(days=90, seconds=1)
    await use_up(door, "nobody")
    assert isinstance(await door.refusal("alice", "right"), TooManyAttempts)


async def test_a_failed_log_in_makes_no_network_known(redis: Redis) -> None:
    door = await with_alice(Door(redis))
    await use_up(door, "alice")
    assert not await redis.keys("token-server:known-networks:*")


async def test_known_networks_are_few_digests_that_expire(redis: Redis) -> None:
    door = await with_alice(Door(redis))
    for number in range(20):
        door.clock.move(seconds=1)
        await door.log_in("alice", "right", peer=f"192.0.2.{number}")
    [key] = await redis.keys("token-server:known-networks:*")
    members = await redis.zrange(key, 0, -1)
    assert [len(member) for member in members] == [64] * 16
    assert 0 < await redis.ttl(key) <= timedelta(days=90).total_seconds()
    known_networks = StoredKnownNetworks(Engine(redis, waits_for_fsync=False), kind="account")
    known = [
        await known_networks.knows("alice", f"192.0.2.{n}/32", now=door.clock()) for n in (3, 4)
    ]
    assert known == [False, True]


async def test_known_networks_are_forgotten_with_their_account(redis: Redis) -> None:
    door = await with_alice(Door(redis))
    await door.log_in("alice", "right", peer=PEER)
    assert await door.accounts.remove(Subject("alice"))
    assert not await redis.keys("token-server:known-networks:*")
