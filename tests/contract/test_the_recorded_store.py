"""A store that is not the one that the keys directory records: no token is judged by it."""

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from io import StringIO
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner
from redis.asyncio import Redis
from support.worlds import TOKEN, World, another_server, pair_in

from token_server.app.memory import meet_store
from token_server.cli import token_server
from token_server.logs import log_to
from token_server.store import names

pytestmark = pytest.mark.anyio
RECORD = "store.json"
OTHER_DATABASE = "?db=1"


def settings_of(world: World) -> dict[str, str]:
    return {
        "TOKEN_SERVER_STORE_URL": world.settings.store_url.get_secret_value(),
        "TOKEN_SERVER_KEYS_DIR": str(world.settings.keys_dir),
    }


async def accept(world: World, *options: str, **changes: str) -> str:
    """What `store accept` says."""
    environment = settings_of(world) | changes
    words = ["store", "accept", *options]
    done = await asyncio.to_thread(
        CliRunner(env=environment).invoke, token_server, words, standalone_mode=False
    )
    if done.exception:
        raise done.exception
    return done.stderr


@asynccontextmanager
async def restarted(world: World, **changes: str) -> AsyncIterator[World]:
    async with another_server(world, **changes) as other:
        yield other


async def becomes(client: httpx.AsyncClient, status: int) -> None:
    os.kill(os.getpid(), signal.SIGHUP)
    async with asyncio.timeout(10):
        while (await client.get("/readyz")).status_code != status:  # noqa: ASYNC110 - no event tells
            await asyncio.sleep(0.01)


async def test_the_first_start_records_the_store_and_not_its_secret(
    world: World, keys_dir: Path, redis: Redis
) -> None:
    written = (keys_dir / RECORD).read_bytes()
    secret = await redis.get(names.SECRET)
    assert isinstance(secret, bytes)
    assert json.loads(written)["version"] == 1
    assert secret not in written
    assert secret.hex().encode() not in written
    assert world.settings.keys_dir == keys_dir


async def test_a_start_on_the_recorded_store_serves(world: World) -> None:
    pair = await world.log_in()
    async with restarted(world) as server:
        assert (await server.refresh(pair["refresh_token"])).status_code == 200


@pytest.mark.parametrize("loss", ["emptied", "used by others", "another database"])
async def test_a_start_on_another_store_judges_no_token_and_writes_nothing(
    world: World, redis: Redis, loss: str
) -> None:
    pair = await world.log_in()
    changes = {}
    await redis.select(1)
    await redis.flushdb()
    await redis.select(0)
    if loss == "another database":
        changes = {"store_url": world.settings.store_url.get_secret_value() + OTHER_DATABASE}
    else:
        await redis.flushall()
        # So that the first server writes nothing there, either.
        await becomes(world.client, 503)
        await redis.flushall()
    if loss == "used by others":
        await redis.set(names.SECRET, bytes(32))
    async with restarted(world, **changes) as server:
        asked = [
            server.refresh(pair["refresh_token"]),
            server.refresh(pair["refresh_token"] + "x"),
            server.log_out(pair["access_token"]),
            server.client.delete(
                TOKEN, headers={"Authorization": f"Bearer {pair['access_token']}"}
            ),
            server.client.post("/api/oauth2/revoke", data={"token": pair["refresh_token"]}),
            server.client.post("/api/oauth2/revoke", data={"token": pair["access_token"]}),
            server.ask(grantType="Password", userName="alice", password="nonsense"),
            server.client.get("/readyz"),
        ]
        statuses = [(await each).status_code for each in asked]
        assert statuses.count(503) == len(asked) - 1
        assert statuses[1] == 401, "its signature is false, whatever the store says"
        assert (await server.client.get("/.well-known/jwks.json")).status_code == 200
        assert (await server.client.get("/livez")).status_code == 200
    await redis.select(1 if loss == "another database" else 0)
    kept = set(await redis.keys()) - {names.PROBE.encode(), names.BARRIER.encode()}
    await redis.select(0)
    assert kept == ({names.SECRET.encode()} if loss == "used by others" else set())


async def test_an_accepted_store_is_used_without_a_restart(world: World, redis: Redis) -> None:
    old = await world.log_in()
    await redis.flushall()
    await becomes(world.client, 503)
    said = await accept(world, "--yes")
    assert "found in unix:" in said
    assert "no data of a server" in said
    await becomes(world.client, 200)
    assert (await world.refresh(old["refresh_token"])).status_code == 401
    new = await world.log_in()
    assert (await world.refresh(new["refresh_token"])).status_code == 200
    async with restarted(world) as server:
        assert (await server.client.get("/readyz")).status_code == 200


async def test_a_store_that_comes_back_ends_no_session(world: World, redis: Redis) -> None:
    pair = await world.log_in()
    kept = {key: await redis.dump(key) or b"" for key in await redis.keys()}
    await redis.flushall()
    await becomes(world.client, 503)
    assert (await world.refresh(pair["refresh_token"])).status_code == 503
    for key, dumped in kept.items():
        await redis.restore(key, 0, dumped, replace=True)
    await becomes(world.client, 200)
    pair_in(await world.refresh(pair["refresh_token"]))


async def test_a_server_that_lost_its_store_says_so_and_what_to_do(
    world: World, redis: Redis
) -> None:
    log_to(stream := StringIO())
    await redis.flushall()
    await becomes(world.client, 503)
    async with asyncio.timeout(10):
        while not stream.getvalue():  # noqa: ASYNC110 - no event tells
            await asyncio.sleep(0.01)
    (line,) = [line for line in stream.getvalue().splitlines() if '"error"' in line]
    told = json.loads(line)
    assert str(world.settings.keys_dir) in told["problem"]
    assert "token-server store accept" in told["hint"]


async def test_a_command_that_needs_the_memory_refuses_another_store(
    world: World, redis: Redis
) -> None:
    await redis.flushall()
    for words in (["users", "list"], ["sessions", "end", "--all", "alice"]):
        done = await asyncio.to_thread(
            CliRunner(env=settings_of(world)).invoke, token_server, words, standalone_mode=False
        )
        assert "is not the one that" in str(done.exception)
        assert "token-server store accept" in str(getattr(done.exception, "hint", None))
    assert await redis.get(names.SECRET) is None


async def test_a_store_is_accepted_only_where_that_is_confirmed(
    world: World, redis: Redis, keys_dir: Path
) -> None:
    before = (keys_dir / RECORD).read_bytes()
    assert "nothing is changed" in await accept(world)
    await redis.flushall()
    with pytest.raises(Exception, match="must be confirmed"):
        await accept(world)
    assert (keys_dir / RECORD).read_bytes() == before
    assert await redis.get(names.SECRET) is None


async def test_a_damaged_record_stops_the_start_and_accept_replaces_it(
    world: World, keys_dir: Path
) -> None:
    good = json.loads((keys_dir / RECORD).read_bytes())
    (keys_dir / RECORD).write_bytes(b'{"version": 1}')
    with pytest.raises(Exception, match=r"store\.json is damaged"):
        await meet_store(world.settings)
    await accept(world, "--yes")
    again = json.loads((keys_dir / RECORD).read_bytes())
    assert again["store"]["identity"] == good["store"]["identity"]


async def test_a_directory_that_cannot_be_written_is_a_warning(
    world: World, keys_dir: Path
) -> None:
    log_to(stream := StringIO())
    (keys_dir / RECORD).unlink()
    (keys_dir / RECORD).with_name(f"{RECORD}.new").mkdir()
    briefing = await meet_store(world.settings)
    assert briefing.secret
    assert stream.getvalue().count("the identity of the store cannot be recorded") == 1


async def test_another_issuer_on_the_same_store_is_a_warning(world: World) -> None:
    log_to(stream := StringIO())
    await meet_store(world.settings)
    assert "ISSUER" not in stream.getvalue()
    other = world.settings.model_copy(update={"issuer": "https://other.example"})
    await meet_store(other)
    assert f"were started with {world.settings.issuer} in" in stream.getvalue()
