"""The slots of a worker: which requests hold one, and how networks share them."""

import asyncio
import socket
from collections.abc import Iterator

import pytest
from starlette.types import Receive, Scope, Send
from support.processes import wait_until
from support.raw_http import connect, echo, post, read_answer, rest_of, serving

from token_server import slots
from token_server.slots import LimitedWait
from token_server.web.hardened import Hardened

ELSEWHERE = "127.1.0.1"
"""Another /24 than that of 127.0.0.1."""
EMPTY = b"Content-Length: 0"


class Few(Hardened):
    """Sixteen slots; eight more for networks that hold fewer than two."""

    MAX_AT_ONCE = 16


class TooMany(Exception):
    """What the wait of this test raises."""


class App:
    """Echoes. `/waits` gives its slot back and waits; `/lasts` runs on after its client left."""

    def __init__(self) -> None:
        self.loop: asyncio.AbstractEventLoop
        self.release = asyncio.Event()
        self.wait = LimitedWait(TooMany)
        self.began = self.ended = 0
        self.refused = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.loop = asyncio.get_running_loop()
        self.began += 1
        if scope["path"] == "/waits":
            try:
                with self.wait.one():
                    await self.release.wait()
            except TooMany:
                self.refused += 1
        if scope["path"] in ("/lasts", "/livez"):
            await self.release.wait()
        try:
            await echo(scope, receive, send)
        finally:
            self.ended += 1

    def release_all(self) -> None:
        self.loop.call_soon_threadsafe(self.release.set)


@pytest.fixture
def app() -> App:
    return App()


@pytest.fixture
def port(app: App) -> Iterator[int]:
    with serving(Few, app, keep_alive_seconds=60) as listening:
        yield listening


def status(port: int, source: str = "127.0.0.1") -> bytes:
    with connect(port, source=source) as connection:
        connection.sendall(post(EMPTY))
        return read_answer(connection)[0][9:12]


def held(port: int, app: App, path: bytes, count: int, *, source: str) -> list[socket.socket]:
    """Connections whose requests are being served."""
    before = app.began
    connections = [connect(port, source=source) for _ in range(count)]
    for each in connections:
        each.sendall(post(EMPTY, path=path))
    wait_until(lambda: app.began == before + count)
    return connections


def close(connections: list[socket.socket]) -> None:
    for each in connections:
        each.close()


def test_network_that_holds_all_slots_keeps_no_other_network_out(port: int, app: App) -> None:
    flood = held(port, app, b"/never", 16, source="127.0.0.9")
    assert status(port) == b"503"
    assert [status(port, ELSEWHERE) for _ in range(20)] == [b"200"] * 20
    close(flood)


def test_reserve_is_for_networks_that_hold_few_slots_and_is_limited(port: int, app: App) -> None:
    flood = held(port, app, b"/never", 16, source="127.0.0.9")
    lent = held(port, app, b"/never", 2, source="127.1.0.1")
    assert status(port, "127.1.0.2") == b"503", "the network holds two"
    for network in (2, 3, 4):
        lent += held(port, app, b"/never", 2, source=f"127.{network}.0.1")
    assert status(port, "127.5.0.1") == b"503", "eight are lent"
    lent.pop().close()
    wait_until(lambda: status(port, "127.5.0.1") == b"200")
    close([*flood, *lent])
    wait_until(lambda: status(port) == b"200")


def test_requests_that_are_always_answered_hold_no_slot(port: int, app: App) -> None:
    checks = held(port, app, b"/livez", 32, source="127.0.0.9")
    assert status(port) == b"200"
    app.release_all()
    close(checks)


def test_request_that_waits_for_something_else_holds_no_slot(port: int, app: App) -> None:
    waiting = held(port, app, b"/waits", 16, source="127.0.0.9")
    busy = held(port, app, b"/never", 15, source="127.0.0.9")
    assert status(port) == b"200", "fifteen of sixteen slots are taken"
    app.release_all()
    for each in waiting:
        assert read_answer(each)[0][9:12] == b"200"
    close([*waiting, *busy])


def test_only_so_many_wait_for_one_thing_and_the_rest_are_refused_at_once(
    port: int, app: App
) -> None:
    waiting = held(port, app, b"/waits", LimitedWait.MOST + 1, source="127.0.0.9")
    wait_until(lambda: app.refused == 1)
    app.release_all()
    close(waiting)


@pytest.mark.parametrize("length", [b"0", b"9"], ids=["whole", "half"])
def test_request_whose_client_has_left_holds_its_slot_until_it_ends(
    port: int, app: App, length: bytes
) -> None:
    left = [connect(port) for _ in range(16)]
    for each in left:
        each.sendall(post(b"Content-Length: " + length, path=b"/lasts"))
    wait_until(lambda: app.began == 16)
    close(left)
    wait_until(lambda: status(port) == b"503")
    app.release_all()
    wait_until(lambda: status(port) == b"200")


def test_client_that_leaves_in_the_middle_of_its_body_leaves_the_limit_as_it_was(
    port: int, app: App
) -> None:
    half_sent = [connect(port) for _ in range(16)]
    for each in half_sent:
        each.sendall(post(b"Content-Length: 9", body=b"a"))
    wait_until(lambda: app.began == 16)
    close(half_sent)
    wait_until(lambda: app.ended == 16)
    busy = held(port, app, b"/never", 16, source="127.0.0.1")
    wait_until(lambda: status(port) == b"503")
    close(busy)
    wait_until(lambda: status(port) == b"200")


def test_client_that_waits_for_100_continue_is_turned_away_before_its_body(
    port: int, app: App
) -> None:
    busy = held(port, app, b"/never", 16, source="127.0.0.1")
    with connect(port) as connection:
        connection.sendall(post(b"Content-Length: 3", b"Expect: 100-continue"))
        answer = rest_of(connection)
    assert answer.startswith(b"HTTP/1.1 503 ")
    assert b"\r\nretry-after: 1\r\n" in answer
    assert b"\r\nconnection: close\r\n" in answer
    close(busy)


def test_http_1_0_client_that_is_turned_away_is_closed(port: int, app: App) -> None:
    busy = held(port, app, b"/never", 16, source="127.0.0.1")
    with connect(port) as connection:
        connection.sendall(b"GET / HTTP/1.0\r\nHost: a\r\n\r\n")
        assert rest_of(connection).startswith(b"HTTP/1.1 503 ")
    close(busy)


@pytest.mark.anyio
async def test_wait_outside_of_a_request_needs_no_slot() -> None:
    with slots.set_aside(), LimitedWait(TooMany).one():
        await asyncio.sleep(0)
