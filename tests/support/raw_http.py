"""HTTP by hand: raw sockets, and a real uvicorn that shows what it was shown."""

import asyncio
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import uvicorn
import uvloop
from starlette.types import ASGIApp, Receive, Scope, Send

from token_server.web.hardened import Hardened

CHUNKED = b"Transfer-Encoding: chunked"
SAID = b"3\r\na=b\r\n0\r\n\r\n"
PATIENCE = 10.0


released = asyncio.Event()


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers with what it was shown.

    `/deaf` answers before it reads; `/later` reads after somebody else asked for `/now`;
    `/never` waits until the client is gone.
    """
    assert scope["type"] == "http"
    body = b""
    if scope["path"] == "/now":
        released.set()
    if scope["path"] == "/later":
        await released.wait()
    while scope["path"] != "/deaf":
        message = await receive()
        if message["type"] != "http.request":
            return
        body += message["body"]
        if not message["more_body"] and scope["path"] != "/never":
            break
    shown = {
        "method": scope["method"],
        "path": scope["path"],
        "headers": [[name.decode(), value.decode("latin-1")] for name, value in scope["headers"]],
        "body": body.decode("utf-8", "replace"),
    }
    text = json.dumps(shown).encode()
    length = (b"content-length", str(len(text)).encode())
    await send({"type": "http.response.start", "status": 200, "headers": [length]})
    await send({"type": "http.response.body", "body": text, "more_body": False})


@contextmanager
def serving(
    protocol: type[Hardened], app: ASGIApp = echo, *, keep_alive_seconds: int = 5
) -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        config = uvicorn.Config(
            app,
            http=protocol,
            ws="none",
            lifespan="off",
            log_config=None,
            timeout_keep_alive=keep_alive_seconds,
        )
        server = uvicorn.Server(config)

        def run() -> None:
            uvloop.run(server.serve(sockets=[listener]))

        thread = threading.Thread(target=run)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            server.should_exit = server.force_exit = True
            thread.join(PATIENCE)


def connect(port: int, *, source: str = "127.0.0.1") -> socket.socket:
    """On Linux all of 127.0.0.0/8 can be the source."""
    return socket.create_connection(
        ("127.0.0.1", port), timeout=PATIENCE, source_address=(source, 0)
    )


def rest_of(connection: socket.socket) -> bytes:
    """All that comes until the server closes; a timeout if it never does."""
    answer = b""
    with suppress(ConnectionResetError):
        while part := connection.recv(65536):
            answer += part
    return answer


def ask(port: int, request: bytes) -> bytes:
    with connect(port) as connection:
        with suppress(ConnectionError):  # refused while we were still sending
            connection.sendall(request)
        return rest_of(connection)


def read_answer(connection: socket.socket) -> tuple[bytes, dict[str, Any]]:
    """Head and body of one answer; leaves the connection open."""
    received = b""
    while b"\r\n\r\n" not in received:
        received += connection.recv(1)
    length = next(
        int(line.partition(b":")[2])
        for line in received.lower().split(b"\r\n")
        if line.startswith(b"content-length:")
    )
    body = b""
    while len(body) < length:
        body += connection.recv(length - len(body))
    return received, json.loads(body)


def post(*headers: bytes, body: bytes = b"", path: bytes = b"/t") -> bytes:
    return b"\r\n".join([b"POST " + path + b" HTTP/1.1", b"Host: a", *headers, b"", body])


def get(*headers: bytes) -> bytes:
    return b"\r\n".join([b"GET / HTTP/1.1", *headers, b"", b""])
