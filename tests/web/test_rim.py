"""The last rim: a fault of ours is logged without what was sent, and answered as one."""

from collections.abc import Iterator
from io import StringIO

import httpx
import pytest
import structlog
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Message
from structlog.testing import capture_logs
from support.web_room import WebRoom

from token_server.logs import log_to
from token_server.web.rim import Rim

pytestmark = pytest.mark.anyio


async def failing(_request: Request) -> Response:
    secret = "s3cret"
    try:
        int(secret)
    except ValueError as fault:
        raise KeyError(secret) from fault
    return Response()


async def test_a_fault_is_answered_in_the_shape_of_refusals() -> None:
    transport = httpx.ASGITransport(Rim(failing))
    async with httpx.AsyncClient(transport=transport, base_url="http://server") as client:
        with capture_logs() as logs:
            answer = await client.get("/")
    assert answer.status_code == 500
    assert answer.json()["errorCode"] == "InternalServerError"
    assert answer.headers["cache-control"] == "no-store"
    assert [log["trace_id"] for log in logs] == [answer.json()["traceId"]]


async def test_the_log_says_where_it_was_and_never_what_was_sent() -> None:
    """A fault's text may quote a request; its type and its frames do not."""
    transport = httpx.ASGITransport(Rim(failing))
    async with httpx.AsyncClient(transport=transport, base_url="http://server") as client:
        with capture_logs() as logs:
            await client.get("/")
    [log] = logs
    assert log["error"] == "KeyError"
    assert "ValueError" in log["traceback"]
    assert "in failing" in log["traceback"]
    # The source line that holds the word stands outside of the frames.
    assert "s3cret" not in str(log)


@pytest.fixture
def _logged_nowhere() -> Iterator[None]:
    """The log's stream is closed."""
    before = structlog.get_config()
    stream = StringIO()
    log_to(stream)
    stream.close()
    yield
    structlog.configure(**before)


@pytest.mark.usefixtures("_logged_nowhere")
async def test_a_fault_is_answered_though_it_cannot_be_logged() -> None:
    transport = httpx.ASGITransport(Rim(failing))
    async with httpx.AsyncClient(transport=transport, base_url="http://server") as client:
        answer = await client.get("/")
    assert answer.status_code == 500
    assert answer.json()["errorCode"] == "InternalServerError"


async def gone(_request: Request) -> Response:
    raise ClientDisconnect


async def test_a_client_that_has_gone_is_no_fault() -> None:
    transport = httpx.ASGITransport(Rim(gone))
    async with httpx.AsyncClient(transport=transport, base_url="http://server") as client:
        with capture_logs() as logs:
            answer = await client.get("/")
    assert answer.status_code == 400
    assert logs == []


async def test_a_fault_behind_the_endpoint_is_no_refusal_of_its_dialect() -> None:
    room = WebRoom()
    with capture_logs() as logs:
        answer = await room.token("grantType=RefreshToken&refreshToken=while-we-fail")
    assert answer.status_code == 500
    assert [log["error"] for log in logs] == ["RuntimeError"]
    assert "while-we-fail" not in str(logs)
    assert room.facts == []


@pytest.mark.parametrize("path", ["/api/oauth2/authorize/", "//api//oauth2/authorize"])
async def test_another_spelling_of_a_path_is_refused_in_the_dialect_of_the_path(path: str) -> None:
    client = WebRoom().client
    expected = await client.patch("http://server/api/oauth2/authorize")
    assert expected.json()["error"] == "invalid_request"
    answer = await client.patch(f"http://server{path}")
    assert (answer.status_code, answer.json()) == (expected.status_code, expected.json())


async def test_the_server_may_start_and_stop_the_app() -> None:
    incoming: list[Message] = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]
    sent: list[Message] = []

    async def receive() -> Message:
        return incoming.pop(0)

    async def send(message: Message) -> None:
        sent.append(message)

    await WebRoom().app({"type": "lifespan"}, receive, send)
    assert [message["type"] for message in sent] == [
        "lifespan.startup.complete",
        "lifespan.shutdown.complete",
    ]
