"""Revocation and introspection over HTTP: who may ask, and how little is said."""

import httpx
import pytest
from support.client_desk import BILLING, PHONE, ClientDesk, basic
from support.web_room import WebRoom

pytestmark = pytest.mark.anyio

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
REVOKE, INTROSPECT = "/api/oauth2/revoke", "/api/oauth2/introspect"


@pytest.fixture
def room() -> WebRoom:
    return WebRoom(clients=ClientDesk([BILLING, PHONE], is_there=True))


async def ask(room: WebRoom, path: str, body: str, **headers: str) -> httpx.Response:
    answer = await room.client.post(path, content=body, headers=FORM | headers)
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["pragma"] == "no-cache"
    return answer


@pytest.mark.parametrize(
    "hint", ["", "&token_type_hint=refresh_token", "&token_type_hint=of-no-type-at-all"]
)
async def test_a_token_is_revoked_whatever_the_hint(hint: str, room: WebRoom) -> None:
    """RFC 7009 §2.1: it is only a hint."""
    answer = await ask(room, REVOKE, f"token=access.alice{hint}", **basic("billing"))
    assert (answer.status_code, answer.content) == (200, b"{}")
    assert answer.headers["content-type"] == "application/json"
    assert room.ledger.revoked == ["access.alice"]
    [(_, who, _)] = room.ledger.calls
    assert who is BILLING


async def test_whoever_holds_a_token_of_nobodys_client_may_revoke_it(room: WebRoom) -> None:
    for served in (room, WebRoom()):
        assert (await ask(served, REVOKE, "token=access.alice")).status_code == 200
        assert [who for _, who, _ in served.ledger.calls] == [None]


async def test_a_public_client_revokes_by_naming_itself(room: WebRoom) -> None:
    answer = await ask(room, REVOKE, "token=access.alice&client_id=phone-app")
    assert answer.status_code == 200
    assert [who for _, who, _ in room.ledger.calls] == [PHONE]


@pytest.mark.parametrize("path", [REVOKE, INTROSPECT])
async def test_a_client_that_fails_to_prove_itself_does_nothing(path: str, room: WebRoom) -> None:
    answer = await ask(room, path, "token=access.alice", **basic("billing", "wrong"))
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    assert answer.headers["www-authenticate"] == 'Basic realm="token-server"'
    assert room.ledger.calls == []


@pytest.mark.parametrize("path", [REVOKE, INTROSPECT])
@pytest.mark.parametrize("body", ["", "token=", "refresh_token=x", "token=a&token=b"])
async def test_a_token_must_be_there_once(path: str, body: str, room: WebRoom) -> None:
    answer = await ask(room, path, body, **basic("billing"))
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


@pytest.mark.parametrize("path", [REVOKE, INTROSPECT])
async def test_an_outage_says_when_to_come_back(path: str, room: WebRoom) -> None:
    """RFC 7009 §2.2.1: the client must take the token for a live one until then."""
    answer = await ask(room, path, "token=while-the-store-is-away", **basic("billing"))
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")


@pytest.mark.parametrize("path", [REVOKE, INTROSPECT])
async def test_only_a_form_is_read(path: str, room: WebRoom) -> None:
    answer = await room.client.post(path, json={"token": "access.alice"}, headers=basic("billing"))
    assert answer.status_code == 415
    assert answer.json()["error"] == "invalid_request"
    assert (await room.client.get(path)).status_code == 405


async def test_a_live_token_is_described(room: WebRoom) -> None:
    answer = await ask(room, INTROSPECT, "token=access.alice", **basic("billing"))
    assert answer.headers["content-type"] == "application/json"
    assert list(answer.json().items()) == [("active", True), ("sub", "alice")]


async def test_of_any_other_token_nothing_is_said(room: WebRoom) -> None:
    answer = await ask(room, INTROSPECT, "token=unknown", **basic("billing"))
    assert (answer.status_code, answer.content) == (200, b'{"active":false}')


@pytest.mark.parametrize(
    ("accept", "signed"),
    [
        ("application/token-introspection+jwt", True),
        ("application/json;q=0.5, Application/Token-Introspection+JWT;q=0.9", True),
        ("application/json", False),
        ("*/*", False),
        ("application/token-introspection+jwt;q=0.0", False),
        ("application/token-introspection+jwt2", False),
        ("application/token-introspection+jwt, application/json", True),
        ("application/token-introspection+jwt, application/json;q=0.9, */*;q=0.1", True),
        ("application/token-introspection+jwt;q=0.5, application/json", False),
        ("application/token-introspection+jwt;q=0.5, */*", False),
        ("application/token-introspection+jwt;q=0.5, application/*;q=0.8", False),
        ("application/token-introspection+jwt;q=0.5, application/*;q=0.4, */*", True),
        ("application/token-introspection+jwt; Q=0.5 , application/json;\tq=0.4", True),
        ("application/token-introspection+jwt;q=0, */*", False),
        ("application/token-introspection+jwt;q=0, application/json;q=0", False),
        ("application/json;q=0, */*;q=0.1", True),
        ("application/token-introspection+jwt;q=2", False),
        ("application/token-introspection+jwt;q=-1", False),
        ("application/token-introspection+jwt;q=0.5;q=1, application/json;q=0.7", False),
        ("text/html", False),
        ("", False),
    ],
)
async def test_who_asks_for_a_signed_answer_gets_one(
    accept: str, *, signed: bool, room: WebRoom
) -> None:
    """RFC 9701 §4."""
    answer = await ask(room, INTROSPECT, "token=x", Accept=accept, **basic("billing"))
    if signed:
        assert answer.text == "signed.billing.False"
        assert answer.headers["content-type"] == "application/token-introspection+jwt"
    else:
        assert answer.json() == {"active": False}
    assert answer.headers["vary"] == "Accept"


@pytest.mark.parametrize("named", ["", "&client_id=phone-app"])
async def test_a_caller_without_a_secret_is_told_nothing(named: str, room: WebRoom) -> None:
    """RFC 7662 §2.1: or anybody could try tokens."""
    answer = await ask(room, INTROSPECT, f"token=access.alice{named}")
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    assert room.ledger.calls == []


async def test_where_nobody_is_registered_there_is_no_introspection() -> None:
    assert (await ask(WebRoom(), INTROSPECT, "token=access.alice")).status_code == 404


async def test_without_the_form_dialect_none_of_it_is_there() -> None:
    room = WebRoom(clients=ClientDesk([BILLING], is_there=True), dialects=("json",))
    for path in (REVOKE, INTROSPECT):
        assert (await ask(room, path, "token=access.alice")).status_code == 404
