"""Whose connection was taken before the server left is answered once."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import uvloop
from starlette.responses import PlainTextResponse
from support.http_servers import running
from support.tls import tls_files

from token_server.process import accepting, http_server
from token_server.process.http_server import HttpServer
from token_server.process.tally import Tally

PATIENCE = 20
A_ROUND_TRIP = 0.05
QUESTION = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


@pytest.fixture(autouse=True)
def no_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """However busy the machine: what is bounded here must not end by its bound."""
    monkeypatch.setattr(accepting, "HANDSHAKES_END_WITHIN", PATIENCE)
    monkeypatch.setattr(http_server, "FAREWELL_SECONDS", PATIENCE)


def play(scene: Callable[[], Awaitable[None]]) -> None:
    async def played() -> None:
        await asyncio.wait_for(scene(), PATIENCE)

    uvloop.run(played())


@asynccontextmanager
async def serving(
    listener: socket.socket, tls: ssl.SSLContext | None
) -> AsyncIterator[HttpServer]:
    """It has left when the block has ended."""
    listens = asyncio.Event()
    server = HttpServer(
        PlainTextResponse("here"),
        seat=Tally.of(1).seat(0),
        tls=tls,
        drain_seconds=PATIENCE,
        on_listening=listens.set,
    )
    async with running(server, listener, listens):
        yield server


async def leave(server: HttpServer, listener: socket.socket) -> None:
    server.should_exit = True
    while listener.fileno() != -1:  # noqa: ASYNC110 - a socket tells no event
        await asyncio.sleep(0.001)


def test_who_has_just_come_may_ask(listener: socket.socket) -> None:
    async def scene() -> None:
        async with serving(listener, None) as server:
            reader, writer = await asyncio.open_connection(*listener.getsockname())
            while not server.server_state.connections:  # noqa: ASYNC110 - nor does a set
                await asyncio.sleep(0.001)
            await leave(server, listener)
            writer.write(QUESTION)
            answer = await reader.read()
            assert answer.startswith(b"HTTP/1.1 200 ")
            assert b"\r\nconnection: close\r\n" in answer
            writer.close()

    play(scene)


def test_a_handshake_that_was_begun_is_ended(listener: socket.socket, tmp_path: Path) -> None:
    files = tls_files(tmp_path)
    ours = ssl.create_default_context(cafile=files["TLS_CERT_FILE"])
    theirs = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    theirs.load_cert_chain(files["TLS_CERT_FILE"], files["TLS_KEY_FILE"])

    async def scene() -> None:
        async with serving(listener, theirs) as server:
            reader, writer = await asyncio.open_connection(*listener.getsockname())
            heard, said = ssl.MemoryBIO(), ssl.MemoryBIO()
            tls = ours.wrap_bio(heard, said, server_hostname="127.0.0.1")
            with pytest.raises(ssl.SSLWantReadError):
                tls.do_handshake()
            writer.write(said.read())
            heard.write(await reader.readexactly(1))
            await leave(server, listener)
            await asyncio.sleep(A_ROUND_TRIP)  # As clients do that are not next door.
            while not is_done(tls):
                heard.write(await more(reader))
            tls.write(QUESTION)
            writer.write(said.read())
            while not (answer := answer_in(tls)):
                heard.write(await more(reader))
            assert answer.startswith(b"HTTP/1.1 200 ")
            writer.close()

    play(scene)


async def more(reader: asyncio.StreamReader) -> bytes:
    part = await reader.read(65536)
    assert part, "cut off"
    return part


def is_done(tls: ssl.SSLObject) -> bool:
    try:
        tls.do_handshake()
    except ssl.SSLWantReadError:
        return False
    return True


def answer_in(tls: ssl.SSLObject) -> bytes:
    try:
        return tls.read(65536)
    except ssl.SSLWantReadError:
        return b""


@pytest.fixture
def listener() -> socket.socket:
    return socket.create_server(("127.0.0.1", 0))
