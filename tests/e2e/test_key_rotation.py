"""Keys rotate, and are stolen, while two servers answer: no verifier and no client notices."""

import asyncio
import itertools
import json
import math
import re
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from redis import Redis
from support.fast_client import fast_clients
from support.server import Server, running_server
from support.traffic import Traffic
from support.valkey import running_valkey
from support.verifiers import DEFAULT_COOLDOWN, Joserfc, PyJwt, Verifier, jose_verifier

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(300)]

SESSIONS = 6
PROPAGATION_SECONDS = 2
# Who fetched just before a key was announced must be willing to fetch again when it signs. By then
# three quarters of the propagation period have passed, whatever servers take to notice the key.
SCALED_COOLDOWN = PROPAGATION_SECONDS * 0.5
LONG_ENOUGH_AHEAD = math.ceil(DEFAULT_COOLDOWN / 0.75)


@pytest.fixture(scope="module")
def servers(
    tmp_path_factory: pytest.TempPathFactory, store_socket: Path
) -> Iterator[list[Server]]:
    with two_servers(
        tmp_path_factory.mktemp("rotating"), store_socket, PROPAGATION_SECONDS
    ) as servers:
        yield servers


@contextmanager
def two_servers(
    folder: Path, store_socket: Path, propagation_seconds: int
) -> Iterator[list[Server]]:
    """Which share nothing but the store and the keys directory."""
    settings = {
        "STORE_URL": f"unix://{store_socket}",
        "KEYS_DIR": str(folder / "keys"),
        "KEY_PROPAGATION_PERIOD": str(propagation_seconds),
        "WORKERS": "1",
        # Short, so that in a long run keys leave the JWK Set, too: 40 s after they stopped.
        "ACCESS_TOKEN_LIFETIME": "10",
        "REFRESH_TOKEN_LIFETIME": "10",
    }
    # With keys of their own they begin a new house: no token of another is alive.
    with Redis(unix_socket_path=str(store_socket)) as store:
        store.flushall()
    for name in ("a", "b"):
        (folder / name).mkdir()
    with (
        running_server(folder / "a", **settings) as a,
        running_server(folder / "b", **settings) as b,
    ):
        yield [a, b]


@asynccontextmanager
async def traffic_on(
    servers: Sequence[Server], jose_folder: Path | None, *, cooldown: float
) -> AsyncIterator[Traffic]:
    urls = [server.url for server in servers]
    joserfc = Joserfc(urls)
    verifiers: list[Verifier] = [joserfc, PyJwt(urls[0], cooldown=cooldown)]
    pairs = await servers[0].pairs("alice", SESSIONS)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(joserfc.close)
        if jose_folder:
            jose = jose_verifier(jose_folder, urls[-1], cooldown=cooldown)
            verifiers.append(await stack.enter_async_context(jose))
        traffic = Traffic([server.port for server in servers], verifiers)
        tasks = await stack.enter_async_context(asyncio.TaskGroup())
        tasks.create_task(traffic.run(pairs))
        try:
            yield traffic
        finally:
            traffic.stopped = True


async def rotate(servers: Sequence[Server], traffic: Traffic, *, times: int) -> None:
    """As cron would on every host, over and over."""
    done = 0
    for server in itertools.cycle(servers):
        if done == times:
            return
        told = await asyncio.to_thread(server.cli, "keys", "rotate", "--now")
        if found := re.match(r"(?:rotated|scheduled): (\S+)", told):
            done += 1
            await traffic.seen(found[1])


async def pending_is_known(server: Server) -> None:
    """Return once the pending key has been public for the propagation period."""
    rows = json.loads(await asyncio.to_thread(server.cli, "keys", "list", "--json"))
    announced_at = max(row["announced_at"] for row in rows if row["state"] == "pending")
    known_from = datetime.fromisoformat(announced_at) + timedelta(seconds=PROPAGATION_SECONDS)
    while datetime.now(UTC) < known_from:  # noqa: ASYNC110 - time itself is waited for
        await asyncio.sleep(0.01)


def assert_nobody_noticed(traffic: Traffic) -> None:
    sys.stdout.write(f"{traffic.figures}\n")
    assert traffic.refused == []
    assert traffic.unverifiable == []
    assert traffic.refreshed > 100
    assert traffic.repeated > 0
    assert traffic.checked > 2 * len(traffic.verifiers) * 100


async def test_no_client_and_no_verifier_notices_that_keys_rotate(
    servers: list[Server], jose_if_possible: Path | None, *, chaos: bool
) -> None:
    # So many take longer than a key needs to retire: 40 s after it has stopped.
    rotations = 40 if chaos else 3
    async with traffic_on(servers, jose_if_possible, cooldown=SCALED_COOLDOWN) as traffic:
        await rotate(servers, traffic, times=rotations)
    assert_nobody_noticed(traffic)
    assert traffic.not_the_same == []
    assert len(traffic.kids) == rotations + 1
    if chaos:
        rows = json.loads(servers[0].cli("keys", "list", "--json"))
        assert "retired" in {row["state"] for row in rows}


async def test_nor_do_verifiers_with_default_cooldowns_where_keys_are_announced_long_enough_ahead(
    tmp_path: Path, jose_if_possible: Path | None, *, chaos: bool
) -> None:
    """They fetch no sooner than 30 s after the last time, whatever `Cache-Control` says."""
    if not chaos:
        pytest.skip("takes two minutes: a part of `make chaos`")
    with (
        # Servers that run already tell an emptied store again what they have signed.
        running_valkey(tmp_path) as store,
        two_servers(tmp_path, store, LONG_ENOUGH_AHEAD) as servers,
    ):
        async with traffic_on(servers, jose_if_possible, cooldown=DEFAULT_COOLDOWN) as traffic:
            await rotate(servers, traffic, times=3)
        assert_nobody_noticed(traffic)


async def test_a_key_that_is_stolen_meanwhile_logs_nobody_out_and_its_access_tokens_are_refused(
    servers: list[Server], jose_if_possible: Path | None, *, chaos: bool
) -> None:
    async with traffic_on(servers, jose_if_possible, cooldown=SCALED_COOLDOWN) as traffic:
        await rotate(servers, traffic, times=15 if chaos else 1)
        await pending_is_known(servers[0])
        stolen = traffic.kids[-1]
        traffic.revoked.add(stolen)
        told = await asyncio.to_thread(servers[0].cli, "keys", "revoke", stolen)
        (signing,) = re.findall(r"signing: (\S+)", told)
        await traffic.seen(signing)
        await rotate(servers, traffic, times=15 if chaos else 1)
    assert_nobody_noticed(traffic)
    for server in servers:
        assert await logged_out_with(traffic, stolen, server) == 0


async def logged_out_with(traffic: Traffic, kid: str, server: Server) -> int:
    """How many of the key's access tokens this server takes."""
    tokens = [token.text for token in traffic.tokens if token.kid == kid]
    assert tokens
    async with fast_clients(server.port, 1) as (client,):
        answers = [await client.log_out(token) for token in tokens]
    assert {answer.status for answer in answers} <= {204, 401}
    return sum(answer.status == 204 for answer in answers)
