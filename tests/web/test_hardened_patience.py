"""Who sends half a request frees its connection soon; who does nothing wrong keeps it."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import suppress

import pytest
from support.processes import wait_until
from support.raw_http import CHUNKED, SAID, connect, get, post, read_answer, rest_of, serving

from token_server.web.hardened import Hardened


class Impatient(Hardened):
    RECEIVE_SECONDS = 0.2


@pytest.fixture(scope="module")
def short_kept_port() -> Iterator[int]:
    with serving(Hardened, keep_alive_seconds=1) as port:
        yield port


@pytest.fixture(scope="module")
def impatient_port() -> Iterator[int]:
    with serving(Impatient) as port:
        yield port


HALF_OPEN = {
    "nothing": b"",
    "empty lines": b"\r\n\r\n",
    "half a method": b"PO",
    "half a head": b"POST / HTTP/1.1\r\nHost: a\r\nX",
    "no body": post(b"Content-Length: 3"),
    "half a body": post(b"Content-Length: 3", body=b"a"),
    "half a chunk": post(CHUNKED, body=b"3\r\na"),
    "half a trailer": post(CHUNKED, body=b"0\r\nX: "),
    "half a body after its answer": post(b"Content-Length: 9", body=b"a", path=b"/deaf"),
}


@pytest.mark.parametrize("beginning", HALF_OPEN.values(), ids=HALF_OPEN.keys())
def test_a_half_sent_request_frees_its_connection(impatient_port: int, beginning: bytes) -> None:
    with connect(impatient_port) as connection:
        connection.sendall(beginning)
        assert rest_of(connection).count(b"HTTP/1.1 ") == beginning.count(b"/deaf")


@pytest.mark.parametrize("beginning", [b"\r\n", b"GET", post(b"Content-Length: 3", body=b"a")])
def test_a_half_sent_second_request_frees_its_connection(
    impatient_port: int, beginning: bytes
) -> None:
    with connect(impatient_port) as connection:
        connection.sendall(get(b"Host: a"))
        read_answer(connection)
        connection.sendall(beginning)
        assert rest_of(connection) == b""


def test_dripping_does_not_buy_time(impatient_port: int) -> None:
    """The time counts for the whole request, not from byte to byte."""
    with connect(impatient_port) as connection:
        connection.sendall(post(b"Content-Length: 1000000000"))
        connection.settimeout(0.02)
        sent = 0
        with suppress(ConnectionError):
            while sent < 1000:
                sent += connection.send(b"a")
                with suppress(TimeoutError):
                    assert connection.recv(1) == b""
                    break
        assert 0 < sent < 1000


def test_an_idle_connection_outlives_the_time_of_a_request(impatient_port: int) -> None:
    """Keep-alive has a limit of its own."""
    with connect(impatient_port) as connection, connect(impatient_port) as witness:
        connection.sendall(get(b"Host: a"))
        read_answer(connection)
        assert rest_of(witness) == b""  # it waited for as long as a request may take
        connection.sendall(get(b"Host: a"))
        assert read_answer(connection)[1]["path"] == "/"


@pytest.mark.parametrize(
    ("head", "body"),
    [
        (post(b"Content-Length: 3", path=b"/deaf"), b"a=b"),
        (post(CHUNKED, path=b"/deaf"), SAID),
        (post(b"Content-Length: 0"), b""),
    ],
    ids=["body after its answer", "chunks after their answer", "answered last"],
)
def test_an_idle_connection_is_closed_in_the_end(
    short_kept_port: int, head: bytes, body: bytes
) -> None:
    with connect(short_kept_port) as connection:
        connection.sendall(head)
        read_answer(connection)
        connection.sendall(body)
        assert rest_of(connection) == b""


def test_time_in_which_the_server_did_not_read_is_not_held_against_the_client(
    impatient_port: int,
) -> None:
    body = b"a" * 300_000
    with connect(impatient_port) as connection, connect(impatient_port) as witness:
        connection.sendall(post(b"Content-Length: 300000", body=body, path=b"/later"))
        assert rest_of(witness) == b""
        with connect(impatient_port) as another:
            assert rest_of(another) == b""
        with connect(impatient_port) as releaser:
            releaser.sendall(post(path=b"/now"))
            read_answer(releaser)
        assert read_answer(connection)[1]["body"] == body.decode()


def test_a_client_that_has_read_a_long_answer_keeps_its_connection() -> None:
    """It is cut off only where it still does not read when the time is over."""
    made: list[Hardened] = []

    class Unread(Hardened):
        WRITE_SECONDS = 1.0
        RECEIVE_SECONDS = 1.5

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            made.append(self)

    body = b"a" * 5_000_000
    with serving(Unread) as port, connect(port) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
        connection.sendall(post(b"Content-Length: %d" % len(body), body=body))
        wait_until(lambda: made[0].flow.write_paused)
        assert len(read_answer(connection)[1]["body"]) == len(body)
        with connect(port) as witness:
            assert rest_of(witness) == b"", "more time has passed than it had for reading"
        connection.sendall(get(b"Host: a"))
        assert connection.recv(9, socket.MSG_PEEK) == b"HTTP/1.1 "
        assert read_answer(connection)[1]["path"] == "/"
