"""From a store URL to a client, and how the client behaves when the store or the line fails."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import redis as synchronous
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from support.processes import free_port
from support.valkey import running_valkey

from token_server.problems import Problem
from token_server.store.connect import RETRIES, connect
from token_server.store.embedded import EmbeddedStore
from token_server.store.pool import CONNECTIONS

pytestmark = pytest.mark.anyio
PASSWORD = "s3cr3t/#?@"
QUOTED = "s3cr3t%2F%23%3F%40"


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """A Valkey that listens on TCP and lets in `app` only."""
    port = free_port()
    with running_valkey(tmp_path_factory.mktemp("tcp"), "--port", str(port)) as socket:
        with synchronous.Redis(unix_socket_path=str(socket)) as admin:
            admin.acl_setuser(
                "app", enabled=True, passwords=[f"+{PASSWORD}"], keys=["*"], commands=["+@all"]
            )
            admin.acl_setuser("default", enabled=False)
        yield port


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[Redis]:
    client = connect(url)
    try:
        yield client
    finally:
        await client.aclose()


@asynccontextmanager
async def loses_first_reply_to_incr(store: Path) -> AsyncIterator[Path]:
    """A line to the store that breaks when the first INCR has been executed, before its reply."""
    broken = False

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal broken
        answers, questions = await asyncio.open_unix_connection(store)
        while asked := await reader.read(65536):
            questions.write(asked)
            answer = await answers.read(65536)
            if b"INCR" in asked and not broken:
                broken = True
                break
            writer.write(answer)
        questions.close()
        writer.close()

    with TemporaryDirectory() as short:
        socket = Path(short) / "line"
        async with await asyncio.start_unix_server(carry, socket):
            yield socket


@pytest.mark.parametrize(("query", "database"), [("", 0), ("?db=0", 0), ("?db=3", 3)])
async def test_a_socket_is_reached(store_socket: Path, query: str, database: int) -> None:
    async with connected(f"unix://{store_socket}{query}") as client:
        assert (await client.client_info())["db"] == database


async def test_the_embedded_store_is_reached(tmp_path: Path) -> None:
    with EmbeddedStore(tmp_path / "store"):
        async with connected(f"embedded:{tmp_path / 'store'}") as client:
            assert await client.ping()


@pytest.mark.parametrize("place", ["/3", "?db=3"])
async def test_a_server_is_reached_with_user_password_and_database(port: int, place: str) -> None:
    async with connected(f"redis://app:{QUOTED}@127.0.0.1:{port}{place}") as client:
        assert await client.acl_whoami() == "app"
        assert (await client.client_info())["db"] == 3


async def test_a_client_shows_its_name_and_answers_bytes(redis: Redis, store_socket: Path) -> None:
    await redis.set("name", "value")
    async with connected(f"unix://{store_socket}") as client:
        assert await client.get("name") == b"value"
        assert "token-server" in {each["name"] for each in await redis.client_list()}


@pytest.mark.parametrize(
    "url",
    [
        f"amqp://user:{QUOTED}@host",
        f"user:{QUOTED}@host",
        QUOTED,
        "",
        # Unescaped, a password ends the host early or passes as a port, a path or a query.
        "redis://user:s3cr3t/x@host",
        "redis://user:1/s3cr3t@host",
        "redis://user:s3cr3t#x@host",
        "redis://user:1#s3cr3t@host",
        "redis://user:s3cr3t?x@host",
        "redis://user:1?s3cr3t@host",
        "redis://user:1?s3cr3t=@host",
        "redis://user:[s3cr3t@host",
        "redis://user:s3cr3té@host",
        "redis://user:s3cr3t\udcff@host",
        "redis://user:s3cr3t\n@host",
        f"redis://user:{QUOTED}@",
        f"redis://user:{QUOTED}@host:0",
        f"redis://user:{QUOTED}@host:65536",
        f"redis://user:{QUOTED}@host/first",
        f"redis://user:{QUOTED}@host/{'9' * 5000}",
        f"redis://user:{QUOTED}@host?db=-1",
        f"redis://user:{QUOTED}@host?db=",
        f"redis://user:{QUOTED}@host?db=1&db=2",
        f"unix://user:{QUOTED}@",
        f"unix://user:{QUOTED}@host/path",
        # What is ours to set.
        f"redis://user:{QUOTED}@host?socket_timeout=60",
        f"redis://user:{QUOTED}@host?retry_on_timeout=yes",
        f"redis://user:{QUOTED}@host?max_connections=1",
        f"redis://host?password={QUOTED}",
        f"redis://user:{QUOTED}@host?ssl_ca_certs=ca.pem",
        f"rediss://user:{QUOTED}@host?ssl_cert_reqs=none",
        f"rediss://user:{QUOTED}@host?ssl_check_hostname=no",
        f"rediss://user:{QUOTED}@host?ssl_ca_certs=",
    ],
    ids=ascii,
)
async def test_what_is_no_store_url_is_refused_and_not_shown(url: str) -> None:
    with pytest.raises(Problem) as refused:
        connect(url)
    assert "s3cr3t" not in f"{refused.value.text} {refused.value.hint}"
    # A log shows these too.
    assert refused.value.__cause__ is None
    assert refused.value.__context__ is None or refused.value.__suppress_context__


async def test_connections_that_a_restart_left_stale_are_mended(tmp_path: Path) -> None:
    store = EmbeddedStore(tmp_path / "store")
    with store:
        async with connected(f"embedded:{tmp_path / 'store'}") as client:
            await asyncio.gather(*(client.ping() for _ in range(CONNECTIONS)))
            store.stop()
            with pytest.raises(RedisError):
                await client.ping()
            store.ensure()
            assert all(await asyncio.gather(*(client.ping() for _ in range(CONNECTIONS))))


async def test_an_idle_connection_that_the_server_closed_is_found_out(port: int) -> None:
    """Before it is used: no retry is spent on it."""
    url = f"redis://app:{QUOTED}@127.0.0.1:{port}"
    async with connected(url) as client, connected(url) as other:
        client.set_retry(Retry(NoBackoff(), 0))
        await client.ping()
        killed = await other.client_kill_filter(_type="normal", skipme=True)
        assert killed == 1
        assert await client.ping()


async def test_a_command_whose_reply_was_lost_is_repeated(
    redis: Redis, store_socket: Path
) -> None:
    """Which is why every write must be recognised when it is repeated."""
    async with (
        loses_first_reply_to_incr(store_socket) as line,
        connected(f"unix://{line}") as client,
    ):
        count = await client.incr("count")
    # On a busy machine the answer to the second may be late as well.
    assert 2 <= count <= 1 + RETRIES
    assert int(await redis.get("count") or 0) == count


async def test_an_absent_store_is_told_at_once(tmp_path: Path) -> None:
    async with connected(f"unix://{tmp_path}/nothing") as client, asyncio.timeout(1):
        with pytest.raises(RedisError):
            await client.ping()
