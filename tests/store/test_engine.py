"""The engine: durable means on disk, and trouble of the store is no fault of ours."""

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
import structlog
from redis.asyncio import Redis
from redis.exceptions import ResponseError
from support.valkey import running_valkey

from token_server.store import names
from token_server.store.connect import connect
from token_server.store.engine import Engine, Gate, Script
from token_server.tokens.model import Subject
from token_server.tokens.refusals import StoreMemoryLost, StoreUnavailable

pytestmark = pytest.mark.anyio

WRITE = Script("secret")


@pytest.fixture
async def lazy(tmp_path: Path) -> AsyncIterator[Redis]:
    """A store that writes its file, and never brings it to the disk."""
    options = ("--appendonly", "yes", "--appendfsync", "no")
    with running_valkey(tmp_path, *options) as socket:
        async with connect(f"unix://{socket}") as client:
            yield client


async def test_what_is_not_on_disk_in_time_is_not_answered_as_done(lazy: Redis) -> None:
    engine = Engine(lazy, waits_for_fsync=True)
    with pytest.raises(StoreUnavailable):
        await engine.run(WRITE, ["key"], ["value"], durably=True)


async def test_a_repeat_that_writes_nothing_is_not_durable_either(lazy: Redis) -> None:
    """As after a lost reply: on a connection that wrote nothing, WAITAOF alone would not wait."""
    engine = Engine(lazy, waits_for_fsync=True)
    for _ in range(2):
        with pytest.raises(StoreUnavailable):
            await engine.run(WRITE, ["key"], ["value"], durably=True)


async def test_a_refused_barrier_is_not_durable_whatever_waitaof_says(tmp_path: Path) -> None:
    """On a connection that wrote nothing, WAITAOF has nothing to wait for."""
    options = ("--appendonly", "yes", "--appendfsync", "everysec")
    with running_valkey(tmp_path, *options) as socket:
        async with connect(f"unix://{socket}") as client:
            engine = Engine(client, waits_for_fsync=True)
            await client.config_set("maxmemory", "1")
            with pytest.raises(StoreUnavailable):
                await engine.make_durable()


async def test_a_store_that_fsyncs_by_itself_is_not_waited_for(lazy: Redis) -> None:
    engine = Engine(lazy, waits_for_fsync=False)
    assert await engine.run(WRITE, ["key"], ["value"], durably=True) == b"value"


async def test_a_store_that_does_not_answer_in_time_is_unavailable(redis: Redis) -> None:
    engine = Engine(redis, waits_for_fsync=False, deadline=timedelta(milliseconds=20))
    began = time.monotonic()
    with pytest.raises(StoreUnavailable):
        await engine.command("BLPOP", "nothing", 5)
    assert time.monotonic() - began < 1


NOT_NOW = (
    *("BUSY", "CLUSTERDOWN", "LOADING", "MASTERDOWN", "MISCONF", "NOAUTH", "NOPERM"),
    *("NOREPLICAS", "OOM", "READONLY", "TRYAGAIN", "UNKILLABLE", "WRONGPASS"),
)


@pytest.mark.parametrize("refused", [f"{word} x" for word in NOT_NOW])
async def test_what_a_store_refuses_for_reasons_of_its_own_is_unavailable(
    redis: Redis, refused: str
) -> None:
    with pytest.raises(StoreUnavailable):
        await Engine(redis, waits_for_fsync=False).answer(_raise(ResponseError(refused)))


async def test_a_fault_of_ours_is_no_outage(redis: Redis) -> None:
    with pytest.raises(ResponseError):
        await Engine(redis, waits_for_fsync=False).command("HGET", "key")


async def test_a_key_of_another_type_is_an_outage_that_names_what_it_should_hold(
    redis: Redis,
) -> None:
    engine = Engine(redis, waits_for_fsync=False)
    key = names.account(Subject("alice"))
    await redis.lpush(key, "no hash")
    with structlog.testing.capture_logs() as told, pytest.raises(StoreUnavailable):
        await engine.command("HGET", key, "field")
    assert (told[0]["cause"], "{subject}:account" in told[0]["problem"]) == ("WRONGTYPE", True)
    assert "alice" not in str(told)


async def test_a_missing_right_is_an_outage_that_names_it(
    redis: Redis, store_socket: Path
) -> None:
    await redis.acl_setuser(
        "app", enabled=True, passwords=["+pw"], keys=["*"], commands=["+@all", "-hget", "-hmget"]
    )
    async with connect(f"unix://app:pw@{store_socket}") as client:
        engine = Engine(client, waits_for_fsync=False)
        with structlog.testing.capture_logs() as told, pytest.raises(StoreUnavailable):
            await engine.command("HGET", "key", "field")
        with pytest.raises(StoreUnavailable):
            await engine.run(Script("record", "refresh"), ["key", "other"], [""] * 4 + [bytes(48)])
    await redis.acl_deluser("app")
    assert told[0]["hint"] == "ACL SETUSER app +hget"


async def test_an_outage_is_told_once_a_second_with_its_cause(redis: Redis) -> None:
    engine = Engine(redis, waits_for_fsync=False)
    with structlog.testing.capture_logs() as told:
        for _ in range(50):
            with pytest.raises(StoreUnavailable):
                await engine.answer(_raise(ConnectionError("secret")))
    assert [line["cause"] for line in told] == ["ConnectionError"]
    assert "secret" not in str(told)


async def test_a_store_that_takes_no_write_fails_the_probe(redis: Redis) -> None:
    engine = Engine(redis, waits_for_fsync=False)
    await engine.probe()
    await redis.config_set("min-replicas-to-write", 1)
    try:
        with pytest.raises(StoreUnavailable):
            await engine.probe()
    finally:
        await redis.config_set("min-replicas-to-write", 0)


async def _raise(fault: Exception) -> None:
    await asyncio.sleep(0)
    raise fault


async def test_a_closed_gate_lets_no_script_and_no_command_through(redis: Redis) -> None:
    """A server that has used the store before already has a connection to it."""
    engine = Engine(redis, waits_for_fsync=False, gate=Gate())
    await engine.run(WRITE, ["before"], ["value"])
    engine.gate.is_open = False
    with pytest.raises(StoreMemoryLost):
        await engine.run(WRITE, ["script"], ["value"])
    with pytest.raises(StoreMemoryLost):
        await engine.command("SET", "command", "value")
    assert await redis.keys() == [b"before"]
