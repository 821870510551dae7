"""Who has waited in the worker for too long is told so, and nothing has happened to it."""

import math
import time
from collections.abc import Mapping

import httpx
import pytest
from starlette.types import Receive, Scope, Send
from structlog.testing import capture_logs
from support.client_desk import BILLING, ClientDesk, basic
from support.processes import wait_until
from support.raw_http import connect, echo, post, read_answer, serving
from support.web_room import WebRoom

from token_server.web import overload
from token_server.web.hardened import Hardened
from token_server.web.overload import Crowd, Turn
from token_server.web.wire import TURN

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
TOKEN = "/api/oauth2/token"
BEARER = {"Authorization": "Bearer access.alice.2"}
# As each dialect's page has it.
CAMEL = {"errorCode": "ServiceUnavailable", "error": "temporarily_unavailable"}
RFC6749 = {"error": "temporarily_unavailable"}
JSON = {"message": "Service unavailable."}
HEADER = {"code": "service_unavailable"}


def late(room: WebRoom) -> httpx.AsyncClient:
    """Asks as somebody whose turn came too late."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        turn = Turn(Crowd(set(), at_once=1), None)
        turn.since = -math.inf
        await room.app({**scope, TURN: turn}, receive, send)

    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://server")


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("method", "path", "headers", "body", "told"),
    [
        ("POST", TOKEN, FORM, "grantType=RefreshToken&refreshToken=refresh.alice.1", CAMEL),
        ("POST", TOKEN, FORM, "grantType=Password&userName=alice&password=x", CAMEL),
        ("POST", TOKEN, FORM, "grant_type=refresh_token&refresh_token=refresh.alice.1", RFC6749),
        ("POST", TOKEN, FORM | basic("billing"), "grant_type=client_credentials", RFC6749),
        ("DELETE", TOKEN, BEARER, "", CAMEL),
        ("POST", "/api/oauth2/logout", BEARER, "", CAMEL),
        ("POST", "/api/oauth2/revoke", FORM | basic("billing"), "token=access.alice", RFC6749),
        ("POST", "/api/oauth2/introspect", FORM | basic("billing"), "token=access.alice", RFC6749),
        ("POST", "/auth-service/v1/refresh", {}, '{"refresh_token":"refresh.alice.1"}', JSON),
        ("POST", "/auth-service/v1/login", {}, '{"email":"alice","password":"x"}', JSON),
        ("GET", "/v1/auth/refresh-token", {"x-refresh-token": "refresh.alice.1"}, "", HEADER),
        ("POST", "/v1/auth/login", {}, '{"email":"alice","password":"x"}', HEADER),
    ],
)
async def test_it_is_told_in_its_own_dialect_when_to_come_again(
    method: str, path: str, headers: Mapping[str, str], body: str, told: Mapping[str, str]
) -> None:
    room = WebRoom(clients=ClientDesk([BILLING], is_there=True))
    answer = await late(room).request(method, path, headers=headers, content=body)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert told.items() <= answer.json().items()
    assert [*room.ledger.calls, *room.ledger.refreshed, *room.ledger.ended] == []
    # Many fare alike, and a line for each would add to what is too much.
    assert room.facts == []


@pytest.mark.anyio
@pytest.mark.parametrize("path", ["/livez", "/readyz", "/.well-known/jwks.json"])
async def test_health_and_keys_are_told_however_late(path: str) -> None:
    assert (await late(WebRoom()).get(path)).status_code == 200


def test_what_the_client_itself_takes_is_no_waiting() -> None:
    turns: list[Turn] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        turns.append(scope[TURN])
        await echo(scope, receive, send)

    with serving(Hardened, app) as port, connect(port) as connection:
        connection.sendall(post(b"Content-Length: 3", body=b"a"))
        wait_until(lambda: bool(turns))
        began = time.monotonic()
        connection.sendall(b"=b")
        assert read_answer(connection)[1]["body"] == "a=b"
        assert turns[0].since >= began


def test_operators_are_told_how_many_but_not_of_each(monkeypatch: pytest.MonkeyPatch) -> None:
    class Full(Hardened):
        MAX_AT_ONCE = 0

    monkeypatch.setattr(overload, "TOLD_EVERY_SECONDS", 0.05)
    began = time.monotonic()
    with capture_logs() as lines, serving(Full) as port, connect(port) as connection:
        for _ in range(50):
            connection.sendall(post(b"Content-Length: 0"))
            assert read_answer(connection)[0][9:12] == b"503"
        wait_until(lambda: sum(line["too_many_at_once"] for line in lines) == 50)
        assert {line["event"] for line in lines} == {"requests were turned away"}
        assert len(lines) <= 1 + (time.monotonic() - began) / 0.05
