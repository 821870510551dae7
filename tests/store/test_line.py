"""The one connection that all scripts share: who asked is answered, whatever happens to others."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as NotConnected
from redis.exceptions import ResponseError
from support.crooked import crooked
from support.valkey import running_valkey

from token_server.store.connect import connect
from token_server.store.embedded import EmbeddedStore
from token_server.store.engine import Engine, Script
from token_server.store.line import Line, Wire
from token_server.store.pool import FairPool, line_of
from token_server.tokens.refusals import StoreUnavailable

pytestmark = pytest.mark.anyio

SECRET = Script("secret")


@asynccontextmanager
async def engine_on(socket: Path) -> AsyncIterator[Engine]:
    async with connect(f"unix://{socket}") as client:
        yield Engine(client, waits_for_fsync=False)


async def cut(redis: Redis) -> None:
    await redis.client_kill_filter(_type="normal", skipme=True)


async def test_each_is_answered_what_it_asked(redis: Redis) -> None:
    line = line_of(redis)
    answers = await asyncio.gather(*(line.ask("ECHO", number) for number in range(500)))
    assert answers == [b"%d" % number for number in range(500)]


async def test_all_of_them_share_one_connection(redis: Redis) -> None:
    engine = Engine(redis, waits_for_fsync=False)
    before = len(await redis.client_list())
    await asyncio.gather(*(engine.run(SECRET, [f"k{n}"], ["v"]) for n in range(100)))
    assert len(await redis.client_list()) <= before + 1


async def test_whoever_goes_away_takes_nobodys_answer_along(redis: Redis) -> None:
    line = line_of(redis)
    await line.ask("PING")
    asked = [asyncio.create_task(line.ask("ECHO", number)) for number in range(10)]
    await asyncio.sleep(0)
    asked[3].cancel()
    answers = await asyncio.gather(*asked, return_exceptions=True)
    del answers[3]
    assert answers == [b"%d" % number for number in range(10) if number != 3]


async def test_who_cannot_wait_for_a_connection_leaves_it_to_the_others(redis: Redis) -> None:
    line = line_of(redis)
    first, second = (asyncio.create_task(line.ask("ECHO", word)) for word in ("a", "b"))
    await asyncio.sleep(0)
    first.cancel()
    assert await second == b"b"


async def test_a_fault_in_one_question_is_no_matter_to_the_others(redis: Redis) -> None:
    line = line_of(redis)
    wrong, right = (asyncio.create_task(line.ask(*words)) for words in (("NOSUCH",), ("ECHO", 1)))
    assert await right == b"1"
    with pytest.raises(ResponseError):
        await wrong


async def test_who_waits_is_told_when_the_line_is_cut(redis: Redis, store_socket: Path) -> None:
    async with connect(f"unix://{store_socket}") as client:
        line = line_of(client)
        await line.ask("PING")
        waiting = asyncio.create_task(line.ask("BLPOP", "nothing", 0))
        await asyncio.sleep(0)
        await cut(redis)
        with pytest.raises(NotConnected):
            await waiting
        assert await line.ask("PING") == b"PONG"


async def test_a_wire_that_was_lost_tells_so_at_once(store_socket: Path) -> None:
    _, writer = await asyncio.open_unix_connection(store_socket)
    wire = Wire(writer.transport, answered_within=60)
    wire.cut()
    await writer.wait_closed()
    with pytest.raises(NotConnected):
        await asyncio.wait_for(wire.ask("PING"), 1)


async def test_a_line_that_is_silent_is_given_up(store_socket: Path) -> None:
    async with connect(f"unix://{store_socket}") as client:
        line = Line(client.connection_pool, answered_within=0.05)
        with pytest.raises(NotConnected):
            await line.ask("BLPOP", "nothing", 0)
        assert await line.ask("PING") == b"PONG"


async def test_a_question_after_an_answered_one_is_given_up_in_time_as_well(
    store_socket: Path,
) -> None:
    """It is asked while the watch of the answered one runs, which finds nothing to give up."""
    async with connect(f"unix://{store_socket}") as client:
        line = Line(client.connection_pool, answered_within=1)
        await line.ask("BLPOP", "nothing", "0.2")
        with pytest.raises(NotConnected):
            await asyncio.wait_for(line.ask("BLPOP", "nothing", 0), 10)


async def test_a_silent_line_is_given_up_although_questions_keep_coming(
    store_socket: Path,
) -> None:
    async with connect(f"unix://{store_socket}") as client:
        line = Line(client.connection_pool, answered_within=0.1)
        oldest = asyncio.ensure_future(line.ask("BLPOP", "nothing", 0))
        later: list[asyncio.Future[object]] = []
        async with asyncio.timeout(10):
            while not oldest.done():
                later.append(asyncio.ensure_future(line.ask("PING")))
                await asyncio.wait([oldest], timeout=0.02)
        await asyncio.gather(*later, return_exceptions=True)
        with pytest.raises(NotConnected):
            await oldest


async def test_a_first_try_and_its_retry_share_one_deadline(store_socket: Path) -> None:
    """The retry would be answered, but the deadline is over by then."""
    async with (
        crooked(store_socket, loses=1, of=b"late", silently=True) as path,
        connect(f"unix://{path}") as client,
    ):
        pool = client.connection_pool
        assert isinstance(pool, FairPool)
        pool.line = Line(pool, answered_within=0.1)
        patient = Engine(client, waits_for_fsync=False)
        await patient.run(SECRET, ["key"], ["value"])
        hasty = Engine(client, waits_for_fsync=False, deadline=timedelta(milliseconds=50))
        with pytest.raises(StoreUnavailable):
            await asyncio.wait_for(hasty.run(SECRET, ["key"], ["late"]), 10)


async def test_what_keeps_being_answered_is_not_given_up(store_socket: Path) -> None:
    async with connect(f"unix://{store_socket}") as client:
        line = Line(client.connection_pool, answered_within=0.05)
        loop = asyncio.get_running_loop()
        until = loop.time() + 0.2
        while loop.time() < until:
            assert await line.ask("PING") == b"PONG"


@pytest.mark.parametrize("lost", [1, 2])
async def test_a_script_whose_reply_was_lost_is_repeated(
    redis: Redis, store_socket: Path, lost: int
) -> None:
    async with crooked(store_socket, loses=lost) as line, engine_on(line) as engine:
        assert await engine.run(SECRET, ["key"], ["value"]) == b"value"
    assert await redis.get("key") == b"value"


async def test_a_script_is_not_repeated_for_ever(store_socket: Path) -> None:
    async with crooked(store_socket, loses=9) as line, engine_on(line) as engine:
        with pytest.raises(StoreUnavailable):
            await engine.run(SECRET, ["key"], ["value"])


async def test_all_scripts_in_flight_outlive_a_cut(redis: Redis, store_socket: Path) -> None:
    async with engine_on(store_socket) as engine:
        await engine.run(SECRET, ["key"], ["value"])
        running = [
            asyncio.create_task(engine.run(SECRET, [f"key{n}"], ["value"])) for n in range(50)
        ]
        await cut(redis)
        assert set(await asyncio.gather(*running)) == {b"value"}


async def test_a_store_that_forgot_its_scripts_is_told_them_again(redis: Redis) -> None:
    engine = Engine(redis, waits_for_fsync=False)
    await engine.run(SECRET, ["key"], ["value"])
    await redis.script_flush()
    assert await engine.run(SECRET, ["key"], ["other"]) == b"value"


async def test_a_restarted_store_is_found_again(tmp_path: Path) -> None:
    store = EmbeddedStore(tmp_path / "store")
    with store:
        async with connect(f"embedded:{tmp_path / 'store'}") as client:
            engine = Engine(client, waits_for_fsync=False)
            await engine.run(SECRET, ["key"], ["value"])
            store.stop()
            with pytest.raises(StoreUnavailable):
                await engine.run(SECRET, ["key"], ["value"])
            store.ensure()
            assert await engine.run(SECRET, ["key"], ["other"]) == b"value"


async def test_a_client_that_is_closed_leaves_no_connection(
    redis: Redis, store_socket: Path
) -> None:
    before = len(await redis.client_list())
    async with engine_on(store_socket) as engine:
        await engine.run(SECRET, ["key"], ["value"])
        assert isinstance(engine.client.connection_pool, FairPool)
    while len(await redis.client_list()) > before:  # noqa: ASYNC110 - another process
        await asyncio.sleep(0)


async def test_a_line_leaves_a_store_that_has_become_a_replica(tmp_path: Path) -> None:
    with running_valkey(tmp_path) as store:
        async with connect(f"unix://{store}") as client, connect(f"unix://{store}") as operator:
            engine = Engine(client, waits_for_fsync=False)
            await engine.run(SECRET, ["key"], ["value"])
            await operator.replicaof("127.0.0.1", "1")
            refused = await asyncio.gather(
                *(engine.run(SECRET, [f"key{n}"], ["value"]) for n in range(5)),
                return_exceptions=True,
            )
            assert {type(each) for each in refused} == {StoreUnavailable}
            assert line_of(client).ask_at_once("PING") is None
            await operator.replicaof("NO", "ONE")
            assert await engine.run(SECRET, ["key"], ["other"]) == b"value"


async def test_after_a_failover_what_is_durable_is_waited_for_elsewhere(tmp_path: Path) -> None:
    with running_valkey(tmp_path, "--appendonly", "yes") as store:
        async with connect(f"unix://{store}") as client, connect(f"unix://{store}") as operator:
            engine = Engine(client, waits_for_fsync=True)
            await engine.make_durable()
            before = await client.client_id()
            await operator.replicaof("127.0.0.1", "1")
            with pytest.raises(StoreUnavailable):
                await engine.make_durable()
            assert await client.client_id() != before
