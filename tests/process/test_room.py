"""The connections that a worker takes and keeps: real sockets, small limits."""

import asyncio
import resource
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import uvloop
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp
from support.http_servers import running
from support.launched import launched

from token_server.process.file_limit import MOST_FILES, RESERVED_FILES, ConnectionLimits
from token_server.process.http_server import HttpServer
from token_server.process.sockets import SEND_BUFFER_BYTES, UNREAD_SECONDS, listen
from token_server.process.tally import Tally
from token_server.web.forwarded import TrustedProxies
from token_server.web.hardened import Hardened

PATIENCE = 20
QUESTION = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
LARGE = b"a" * 8_000_000
Client = tuple[asyncio.StreamReader, asyncio.StreamWriter]


def play(scene: Callable[[], Awaitable[None]]) -> None:
    async def played() -> None:
        await asyncio.wait_for(scene(), PATIENCE)

    uvloop.run(played())


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    (listener,) = listen("127.0.0.1", 0)
    with listener:
        yield listener


@asynccontextmanager
async def serving(
    listener: socket.socket,
    *,
    most: int = 100,
    most_of_network: int = 100,
    app: ASGIApp | None = None,
) -> AsyncIterator[HttpServer]:
    """A server whose trusted proxy is 127.0.9.9; it has left when the block has ended."""
    listens = asyncio.Event()
    server = HttpServer(
        app or PlainTextResponse("here"),
        seat=Tally.of(1).seat(0),
        tls=None,
        trusted_proxies=TrustedProxies(["127.0.9.9"]),
        limits=ConnectionLimits(most=most, most_of_network=most_of_network),
        drain_seconds=PATIENCE,
        on_listening=listens.set,
    )
    async with running(server, listener, listens):
        yield server
        server.should_exit = True


async def ask(listener: socket.socket, source: str = "127.0.0.1") -> Client:
    """A connection on which one question was answered; or it was closed."""
    address = listener.getsockname()
    reader, writer = await asyncio.open_connection(*address, local_addr=(source, 0))
    writer.write(QUESTION)
    return reader, writer


async def is_served(client: Client) -> bool:
    try:
        head = await client[0].readuntil(b"\r\n\r\n")
        await client[0].readexactly(4)
    except (asyncio.IncompleteReadError, ConnectionResetError):
        return False
    return head.startswith(b"HTTP/1.1 200 ")


def close(clients: list[Client]) -> None:
    for _, writer in clients:
        writer.close()


def test_network_may_have_so_many_connections_and_another_as_many(
    listener: socket.socket,
) -> None:
    async def scene() -> None:
        async with serving(listener, most_of_network=3) as server:
            held = [await ask(listener, f"127.0.0.{host}") for host in (1, 2, 3)]
            assert [await is_served(each) for each in held] == [True] * 3
            refused = await ask(listener, "127.0.0.4")
            assert not await is_served(refused)
            others = [await ask(listener, "127.0.1.1") for _ in range(3)]
            assert [await is_served(each) for each in others] == [True] * 3
            held.pop()[1].close()
            while len(server.server_state.connections) == 6:  # noqa: ASYNC110 - no event
                await asyncio.sleep(0.001)
            again = await ask(listener)
            assert await is_served(again)
            close([*held, *others, refused, again])

    play(scene)


def test_trusted_proxy_may_have_more_connections(listener: socket.socket) -> None:
    async def scene() -> None:
        async with serving(listener, most_of_network=3):
            held = [await ask(listener, "127.0.9.9") for _ in range(6)]
            assert [await is_served(each) for each in held] == [True] * 6
            close(held)

    play(scene)


def test_the_longest_idle_connection_is_closed_where_too_many_are_open(
    listener: socket.socket,
) -> None:
    async def scene() -> None:
        async with serving(listener, most=3):
            held = []
            for _ in range(3):
                held.append(await ask(listener))
                assert await is_served(held[-1])
                await next_millisecond()
            # The first is now the one that was idle for the shortest time.
            held[0][1].write(QUESTION)
            assert await is_served(held[0])
            await next_millisecond()
            newest = await ask(listener)
            assert await is_served(newest)
            assert await held[1][0].read() == b""
            held[0][1].write(QUESTION)
            assert await is_served(held[0])
            close([*held, newest])

    play(scene)


async def next_millisecond() -> None:
    """The clock of uvloop has no smaller steps."""
    loop = asyncio.get_running_loop()
    now = loop.time()
    while loop.time() == now:  # noqa: ASYNC110 - a clock tells no event
        await asyncio.sleep(0.001)


@asynccontextmanager
async def deaf_client(listener: socket.socket, server: HttpServer) -> AsyncIterator[None]:
    """It asks for more than the kernel takes, and reads nothing."""
    deaf = socket.socket()
    deaf.settimeout(0)
    with deaf:
        await asyncio.get_running_loop().sock_connect(deaf, listener.getsockname())
        await asyncio.get_running_loop().sock_sendall(deaf, QUESTION)
        while not is_paused(server):  # noqa: ASYNC110 - no event
            await asyncio.sleep(0.001)
        yield


def is_paused(server: HttpServer) -> bool:
    connections = server.server_state.connections
    return any(isinstance(each, Hardened) and each.flow.write_paused for each in connections)


def test_client_that_does_not_read_is_cut_off(
    listener: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Hardened, "WRITE_SECONDS", 0.1)

    async def scene() -> None:
        async with (
            serving(listener, app=PlainTextResponse(LARGE)) as server,
            deaf_client(listener, server),
        ):
            while server.server_state.connections:  # noqa: ASYNC110 - no event
                await asyncio.sleep(0.001)

    play(scene)


def test_client_that_reads_after_a_while_keeps_its_connection(
    listener: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Hardened, "WRITE_SECONDS", 0.5)

    async def scene() -> None:
        async with serving(listener, app=PlainTextResponse(LARGE)) as server:
            reader, writer = await ask(listener)
            await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(len(LARGE))
            async with deaf_client(listener, server):
                while len(server.server_state.connections) == 2:  # noqa: ASYNC110 - no event
                    await asyncio.sleep(0.001)
            writer.write(QUESTION)
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 ")
            writer.transport.abort()

    play(scene)


def test_server_that_leaves_does_not_wait_for_a_client_that_does_not_read(
    listener: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Hardened, "WRITE_SECONDS", 1000)

    async def scene() -> None:
        async with (
            serving(listener, app=PlainTextResponse(LARGE)) as server,
            deaf_client(listener, server),
        ):
            server.should_exit = True
            while server.server_state.connections:  # noqa: ASYNC110 - no event
                await asyncio.sleep(0.001)

    play(scene)


def test_kernel_keeps_little_for_a_client_that_does_not_read(listener: socket.socket) -> None:
    with socket.create_connection(listener.getsockname()):
        accepted, _ = listener.accept()
        with accepted:
            # Linux doubles what is asked for.
            sent = accepted.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF)
            assert sent <= 2 * SEND_BUFFER_BYTES
            if hasattr(socket, "TCP_USER_TIMEOUT"):
                waited = accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)
                assert waited == 1000 * UNREAD_SECONDS
    assert UNREAD_SECONDS == Hardened.WRITE_SECONDS


def test_soft_limit_of_open_files_is_raised_to_the_hard_one() -> None:
    program = (
        "import resource\n"
        "from token_server.process.file_limit import raise_file_limit\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (256, 512))\n"
        "raise_file_limit()\n"
        "print(*resource.getrlimit(resource.RLIMIT_NOFILE))"
    )
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert said.stdout.split() == [b"512", b"512"]


def test_limits_leave_files_for_other_things() -> None:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    limits = ConnectionLimits.of_this_process()
    assert limits.most <= max(soft - RESERVED_FILES, soft // 2)
    assert limits.most_of_network <= limits.most // 2


@pytest.mark.skipif(sys.platform != "linux", reason="reads the limits of another process")
def test_workers_may_open_as_many_files_as_the_system_lets_them(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(512, hard), hard))
    try:
        with launched(tmp_path) as server:
            limits = [resource.prlimit(pid, resource.RLIMIT_NOFILE) for pid in server.workers()]
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert limits == [(min(hard, MOST_FILES), hard)] * 2
