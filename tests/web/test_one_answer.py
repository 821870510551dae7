"""One answer to a request, none for a client that has left, and bounded memory and time."""

import asyncio
import re
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from starlette.requests import ClientDisconnect, Request
from starlette.types import Receive, Scope, Send
from structlog.testing import capture_logs
from support.processes import wait_until
from support.raw_http import CHUNKED, PATIENCE, ask, connect, echo, post, serving

import token_server.store
from token_server.store.engine import DEADLINE
from token_server.tokens.refusals import WaitedTooLong
from token_server.web import overload
from token_server.web.hardened import Hardened
from token_server.web.overload import LONGEST_WAIT_SECONDS, Crowd, Turn
from token_server.web.wire import check_still_there


@pytest.fixture
def made() -> list[Hardened]:
    return []


@pytest.fixture
def port(made: list[Hardened]) -> Iterator[int]:
    class Seen(Hardened):
        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            made.append(self)

    with serving(Seen) as listening:
        yield listening


def test_app_answers_nothing_behind_the_refusal_of_its_request(
    port: int, caplog: pytest.LogCaptureFixture
) -> None:
    """`/deaf` answers without reading its body, here after that was refused."""
    answer = ask(port, post(CHUNKED, path=b"/deaf", body=b"x\r\n"))
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert answer.count(b"HTTP/1.1 ") == 1
    assert not caplog.records


def test_nothing_more_is_read_while_a_request_waits_for_the_one_before(
    port: int, made: list[Hardened]
) -> None:
    """Each may bring a body; one after another they would fill the memory."""
    with connect(port) as connection:
        connection.sendall(post(path=b"/never"))
        wait_until(lambda: bool(made) and made[0].cycle is not None)
        assert not made[0].flow.read_paused
        connection.sendall(post(b"Content-Length: 3", body=b"a=b"))
        wait_until(lambda: len(made[0].pipeline) == 1)
        assert made[0].flow.read_paused


def test_client_whose_end_is_read_together_with_its_request_is_not_served() -> None:
    """Its token would be spent, and the client asks again elsewhere."""
    blocked, may_go_on, served = threading.Event(), threading.Event(), list[bool]()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/block":
            # The loop reads nothing until both, request and end, have come in.
            blocked.set()
            may_go_on.wait(PATIENCE)
        else:
            try:
                await check_still_there(Request(scope, receive))
                served.append(True)
            except ClientDisconnect:
                served.append(False)
        await echo(scope, receive, send)

    with serving(Hardened, app) as port, connect(port) as blocking, connect(port) as leaving:
        leaving.sendall(post())
        wait_until(lambda: served == [True])
        blocking.sendall(post(path=b"/block"))
        assert blocked.wait(PATIENCE)
        leaving.sendall(post())
        leaving.close()
        may_go_on.set()
        wait_until(lambda: len(served) == 2)
    assert served == [True, False]


@pytest.mark.anyio
async def test_requests_that_waited_too_long_are_counted_in_the_log(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(overload, "TOLD_EVERY_SECONDS", 0.0)
    turn = Turn(Crowd(set(), at_once=1), None)
    turn.since -= LONGEST_WAIT_SECONDS + 1
    with capture_logs() as lines:
        for _ in range(3):
            with pytest.raises(WaitedTooLong):
                turn.check()
        async with asyncio.timeout(PATIENCE):
            while not lines:  # noqa: ASYNC110 - no event
                await asyncio.sleep(0.001)
    (line,) = lines
    assert line[WaitedTooLong.reason] == 3


def test_no_request_waits_longer_than_a_store_call_and_a_refresh_may() -> None:
    """Otherwise an overtaken request would pass for reuse, and end its session."""
    assert timedelta(seconds=LONGEST_WAIT_SECONDS) == DEADLINE
    script = Path(token_server.store.__file__).parent / "scripts" / "refresh.lua"
    (factors,) = re.findall(r"^local OVERTAKEN = ([0-9* ]+)$", script.read_text(), re.MULTILINE)
    assert eval(factors) == DEADLINE / timedelta(microseconds=1)  # noqa: S307 - digits and stars
