"""Who would have to wait for too long is told so at once, and nobody else notices."""

import asyncio
import socket
from collections import deque
from collections.abc import Iterator
from itertools import repeat
from typing import Any

import pytest
from starlette.types import Receive, Scope, Send
from support.processes import wait_until
from support.raw_http import PATIENCE, SAID, connect, echo, post, read_answer, rest_of, serving

from token_server.web.hardened import Hardened


class Narrow(Hardened):
    """Two requests at once are all that it takes."""

    MAX_AT_ONCE = 2
    RECEIVE_SECONDS = 1.0


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with serving(Narrow) as listening:
        yield listening


@pytest.fixture
def busy(port: int) -> Iterator[list[socket.socket]]:
    """As many requests as are taken at once, none of which is answered."""
    held = [connect(port) for _ in range(Narrow.MAX_AT_ONCE)]
    for connection in held:
        connection.sendall(post(b"Content-Length: 0", path=b"/never"))
    wait_until(lambda: status(port, post(b"Content-Length: 0")) == b"503")
    yield held
    for connection in held:
        connection.close()
    wait_until(lambda: status(port, post(b"Content-Length: 0")) == b"200")


def status(port: int, request: bytes) -> bytes:
    with connect(port) as connection:
        connection.sendall(request)
        return read_answer(connection)[0][9:12]


def again_on(connection: socket.socket) -> dict[str, Any]:
    connection.sendall(post(b"Content-Length: 3", body=b"a=b"))
    return read_answer(connection)[1]


@pytest.mark.usefixtures("busy")
def test_who_is_turned_away_is_told_when_to_come_again(port: int) -> None:
    with connect(port) as connection:
        connection.sendall(post(b"Content-Length: 0"))
        head, problem = read_answer(connection)
    assert b"\r\nretry-after: 1\r\n" in head
    assert b"\r\ncache-control: no-store\r\n" in head
    assert problem["error"] == "temporarily_unavailable"


def test_and_may_come_again_on_the_same_connection(port: int, busy: list[socket.socket]) -> None:
    with connect(port) as connection:
        for request in (
            post(b"Content-Length: 3", body=b"a=b"),
            post(b"Transfer-Encoding: chunked", body=SAID),
        ):
            connection.sendall(request)
            assert read_answer(connection)[0][9:12] == b"503"
        busy.pop().close()
        wait_until(lambda: again_on(connection).get("body") == "a=b")


@pytest.mark.usefixtures("busy")
@pytest.mark.parametrize("path", [b"/livez", b"/readyz", b"/.well-known/jwks.json"])
def test_who_asks_how_the_server_is_or_for_its_keys_is_answered(port: int, path: bytes) -> None:
    assert status(port, b"GET " + path + b" HTTP/1.1\r\nHost: a\r\n\r\n") == b"200"


@pytest.mark.usefixtures("busy")
def test_a_connection_that_is_to_be_closed_is(port: int) -> None:
    with connect(port) as connection:
        connection.sendall(post(b"Content-Length: 0", b"Connection: close"))
        assert read_answer(connection)[0][9:12] == b"503"
        assert connection.recv(1) == b""


@pytest.mark.usefixtures("busy")
def test_to_head_it_is_told_without_a_body(port: int) -> None:
    with connect(port) as connection:
        connection.sendall(b"HEAD / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        answer = rest_of(connection)
    assert answer.startswith(b"HTTP/1.1 503 ")
    assert answer.endswith(b"\r\n\r\n")


@pytest.mark.usefixtures("busy")
def test_so_it_is_where_an_upgrade_was_asked_for(port: int) -> None:
    with connect(port) as connection:
        connection.sendall(
            b"HEAD / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n"
            b"HEAD / HTTP/1.1\r\nHost: a\r\nConnection: close, upgrade\r\nUpgrade: h2c\r\n\r\n"
        )
        first, second, nothing = rest_of(connection).split(b"\r\n\r\n")
    assert first == second
    assert nothing == b""


@pytest.mark.usefixtures("busy")
def test_who_never_reads_it_is_cut_off(port: int) -> None:
    questions = repeat(post(b"Content-Length: 0") * 1000)
    with connect(port) as connection, pytest.raises(ConnectionError):
        deque(map(connection.sendall, questions), maxlen=0)


@pytest.mark.usefixtures("busy")
def test_a_body_that_makes_no_sense_is_told_of_all_the_same(port: int) -> None:
    with connect(port) as connection:
        connection.sendall(post(b"Transfer-Encoding: chunked", body=b"x\r\n"))
        assert connection.recv(12) == b"HTTP/1.1 400"


@pytest.mark.usefixtures("busy")
def test_a_body_that_never_comes_is_not_waited_for(port: int) -> None:
    with connect(port) as connection:
        connection.sendall(post(b"Content-Length: 9", body=b"a"))
        try:
            assert connection.recv(1) == b""
        except ConnectionResetError:
            return  # Which of the two it is says nothing.


def test_who_keeps_the_server_waiting_takes_nobodys_place(port: int) -> None:
    slow = [connect(port) for _ in range(2 * Narrow.MAX_AT_ONCE)]
    for connection in slow:
        # The second of two is begun when the first is answered.
        connection.sendall(post(b"Content-Length: 0") + post(b"Content-Length: 9", body=b"a"))
        assert read_answer(connection)[0][9:12] == b"200"
    assert status(port, post(b"Content-Length: 0")) == b"200"
    for connection in slow:
        connection.sendall(b"=2345678")
        assert read_answer(connection)[1]["body"] == "a=2345678"
        connection.close()


@pytest.mark.parametrize("rest", [b"=b", b"=b\1"], ids=["rest", "rest and nonsense"])
def test_who_was_waited_for_is_counted_once_all_of_it_is_here(port: int, rest: bytes) -> None:
    slow = [connect(port) for _ in range(Narrow.MAX_AT_ONCE)]
    for connection in slow:
        connection.sendall(post(b"Content-Length: 3", path=b"/never", body=b"a"))
    assert status(port, post(b"Content-Length: 0")) == b"200"
    for connection in slow:
        connection.sendall(rest)
    wait_until(lambda: status(port, post(b"Content-Length: 0")) == b"503")
    for connection in slow:
        connection.close()
    wait_until(lambda: status(port, post(b"Content-Length: 0")) == b"200")


def test_who_was_answered_takes_nobodys_place() -> None:
    never = asyncio.Event()

    async def answer_and_stay(scope: Scope, receive: Receive, send: Send) -> None:
        await echo(scope, receive, send)
        await never.wait()

    with serving(Narrow, answer_and_stay) as port:
        for _ in range(2 * Narrow.MAX_AT_ONCE):
            assert status(port, post(b"Content-Length: 0")) == b"200"


class Deaf:
    """A connection that reads nothing, until a task of it waits to be read."""

    def __init__(self, made: list[Narrow], port: int) -> None:
        self._socket = socket.socket(socket.AF_INET)
        # Before it connects: with more room it would take in megabytes unread.
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self._socket.settimeout(PATIENCE)
        known = len(made)
        self._socket.connect(("127.0.0.1", port))
        wait_until(lambda: len(made) > known)
        self.served = made[-1]
        while not self.waits:
            self.ask()

    @property
    def waits(self) -> bool:
        return self.served.flow.write_paused and not self.served.cycle.response_complete

    def ask(self) -> None:
        before = self.served.cycle
        self.say(post(b"Content-Length: 60000", body=b"a" * 60_000))
        wait_until(lambda: self.served.cycle is not before)
        wait_until(lambda: self.served.cycle.response_complete or self.waits)

    def ask_again(self) -> None:
        """Before the last answer has come."""
        self.say(post(b"Content-Length: 0"))
        wait_until(lambda: len(self.served.pipeline) > 0)

    def say(self, text: bytes) -> None:
        self._socket.sendall(text)

    def hang_up(self) -> None:
        self._socket.close()


@pytest.fixture
def served() -> Iterator[tuple[int, list[Narrow]]]:
    """A port, and its connections."""
    made: list[Narrow] = []

    class Seen(Narrow):
        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            made.append(self)

    with serving(Seen) as port:
        yield port, made


@pytest.fixture
def deaf(served: tuple[int, list[Narrow]]) -> Iterator[list[Deaf]]:
    port, made = served
    several = [Deaf(made, port) for _ in range(Narrow.MAX_AT_ONCE)]
    yield several
    for each in several:
        each.hang_up()


@pytest.mark.usefixtures("deaf")
def test_who_reads_no_answers_takes_nobodys_place(served: tuple[int, list[Narrow]]) -> None:
    assert status(served[0], post(b"Content-Length: 0")) == b"200"


def test_nor_does_who_then_sends_nonsense(
    served: tuple[int, list[Narrow]], deaf: list[Deaf]
) -> None:
    for each in deaf:
        each.say(post(b"Transfer-Encoding: chunked", body=b"x\r\n"))
        wait_until(each.served.transport.is_closing)
    wait_until(lambda: status(served[0], post(b"Content-Length: 0")) == b"200")


def test_who_hangs_up_before_it_has_read_is_no_fault(
    deaf: list[Deaf], caplog: pytest.LogCaptureFixture
) -> None:
    for each in deaf:
        each.ask_again()
        each.hang_up()
    wait_until(lambda: not deaf[0].served.tasks)
    assert not caplog.records
