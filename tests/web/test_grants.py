"""The grants of registered clients: who comes first, who may what, and what is asked for."""

from dataclasses import replace
from typing import Any

import httpx
import pytest
from support.client_desk import ALL_GRANTS, BILLING, PHONE, READER, ClientDesk, basic, client
from support.ledger import pair
from support.web_room import WebRoom

from token_server.tokens.clients import NEEDS_PROOF, NOTHING_MORE, Asked, AuthMethod, Grant
from token_server.tokens.refusals import ScopeRefused
from token_server.web.repeats import MOST_REFUSALS

pytestmark = pytest.mark.anyio

ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"
JWT = "urn:ietf:params:oauth:token-type:jwt"
EXCHANGE = f"grant_type={Grant.TOKEN_EXCHANGE}&subject_token=access.alice&subject_token_type={JWT}"
BODIES: dict[Grant, str] = {
    Grant.REFRESH_TOKEN: "grant_type=refresh_token&refresh_token=refresh.alice.1",
    Grant.PASSWORD: "grant_type=password&username=alice&password=correct+horse",
    Grant.CLIENT_CREDENTIALS: "grant_type=client_credentials",
    Grant.JWT_BEARER: f"grant_type={Grant.JWT_BEARER}&assertion=alice",
    Grant.TOKEN_EXCHANGE: EXCHANGE,
}


@pytest.fixture
def room() -> WebRoom:
    return WebRoom(clients=ClientDesk([BILLING, READER, PHONE], is_there=True))


def error_of(answer: httpx.Response) -> tuple[int, str]:
    body: dict[str, Any] = answer.json()
    assert answer.headers["cache-control"] == "no-store"
    return answer.status_code, body["error"]


@pytest.mark.parametrize("grant", ALL_GRANTS)
async def test_a_client_uses_the_grants_that_it_may(grant: Grant, room: WebRoom) -> None:
    answer = await room.token(BODIES[grant], **basic("billing"))
    assert answer.status_code == 200, answer.text
    assert next(iter(answer.json())) == "access_token"
    [(_, who, asked)] = room.ledger.calls
    assert (who and who.client_id, asked) == ("billing", NOTHING_MORE)


@pytest.mark.parametrize("grant", [one for one in ALL_GRANTS if one != Grant.REFRESH_TOKEN])
async def test_a_known_grant_that_it_may_not_use_is_unauthorized(
    grant: Grant, room: WebRoom
) -> None:
    answer = await room.token(BODIES[grant], **basic("reader"))
    assert error_of(answer) == (400, "unauthorized_client")
    assert room.ledger.calls == []
    assert room.facts[0]["client_id"] == "reader"


@pytest.mark.parametrize("grant", NEEDS_PROOF)
async def test_a_public_client_uses_no_grant_that_needs_a_proof(
    grant: Grant, room: WebRoom
) -> None:
    """Also if it is registered for it, as no clients file can be: its keys are not looked at."""
    room.clients.registered.append(client("public", AuthMethod.NONE, *ALL_GRANTS))
    answer = await room.token(f"{BODIES[grant]}&client_id=public")
    assert error_of(answer) == (400, "unauthorized_client")
    assert room.ledger.calls == []


@pytest.mark.parametrize("body", ["grant_type=x", "grant_type=client_credentials", "grant_type="])
async def test_the_client_proves_itself_before_its_grant_is_looked_at(
    body: str, room: WebRoom
) -> None:
    answer = await room.token(body, **basic("billing", "wrong"))
    assert error_of(answer) == (401, "invalid_client")
    assert answer.headers["www-authenticate"] == 'Basic realm="token-server"'


@pytest.mark.parametrize("grant", ALL_GRANTS)
async def test_without_a_client_only_the_old_grants_are_served(
    grant: Grant, room: WebRoom
) -> None:
    """Sessions of nobody in particular go on as ever, also beside registered clients."""
    answer = await room.token(BODIES[grant])
    if grant in {Grant.REFRESH_TOKEN, Grant.PASSWORD}:
        assert answer.status_code == 200
        assert [who for _, who, _ in room.ledger.calls] == [None]
    else:
        assert error_of(answer) == (401, "invalid_client")


@pytest.mark.parametrize("grant", ALL_GRANTS)
async def test_where_nobody_is_registered_credentials_are_not_looked_at(grant: Grant) -> None:
    room = WebRoom()
    answer = await room.token(f"{BODIES[grant]}&client_id=x", **basic("billing"))
    assert room.clients.shown == []
    if grant in {Grant.REFRESH_TOKEN, Grant.PASSWORD}:
        assert answer.status_code == 200
    else:
        assert error_of(answer) == (400, "unsupported_grant_type")


async def test_an_unknown_grant_is_unsupported(room: WebRoom) -> None:
    answer = await room.token("grant_type=authorization_code&code=x", **basic("billing"))
    assert error_of(answer) == (400, "unsupported_grant_type")


async def test_the_credentials_are_handed_on_as_they_were_sent(room: WebRoom) -> None:
    await room.token(
        "grant_type=refresh_token&refresh_token=x&client_id=a&client_secret=b"
        "&client_assertion=c&client_assertion_type=d",
        Authorization="Bearer stale",
    )
    [shown] = room.clients.shown
    assert shown.authorization == ("Bearer stale",)
    assert (shown.client_id, shown.client_secret) == ("a", "b")
    assert (shown.client_assertion, shown.client_assertion_type) == ("c", "d")
    assert shown.endpoint == "/api/oauth2/token"
    assert "'b'" not in repr(shown)


async def test_two_methods_at_once_are_refused(room: WebRoom) -> None:
    body = f"{BODIES[Grant.CLIENT_CREDENTIALS]}&client_secret=x"
    assert error_of(await room.token(body, **basic("billing"))) == (400, "invalid_request")


async def test_scope_and_targets_are_handed_on_each_as_often_as_sent(room: WebRoom) -> None:
    """RFC 8707 §2 and RFC 8693 §2.1: the two members that may be given more than once."""
    targets = "&resource=https://a.example&resource=https://b.example&audience=c&resource="
    answer = await room.token(f"{EXCHANGE}&scope=invoices:read{targets}", **basic("billing"))
    assert answer.json()["scope"] == "invoices:read"
    [(_, _, asked)] = room.ledger.calls
    assert asked == Asked(
        scope="invoices:read", resources=("https://a.example", "https://b.example", "c")
    )


async def test_any_other_member_twice_is_refused_whoever_asks(room: WebRoom) -> None:
    for twice in ("scope=a&scope=a", "assertion=a&assertion=b", "client_id=a&clientId=a"):
        body = f"{BODIES[Grant.REFRESH_TOKEN]}&{twice}"
        assert error_of(await room.token(body, **basic("billing"))) == (400, "invalid_request")


async def test_without_a_client_scope_and_resource_are_ignored(room: WebRoom) -> None:
    answer = await room.token(f"{BODIES[Grant.REFRESH_TOKEN]}&scope=admin&resource=x")
    assert "scope" not in answer.json()
    assert room.ledger.calls == [("refresh", None, NOTHING_MORE)]


async def test_a_scope_stands_behind_the_members_of_rfc_6749(room: WebRoom) -> None:
    room.ledger.pairs["scoped"] = pair("access.alice.2", "refresh.alice.2", scope="a b")
    body = "grant_type=refresh_token&refresh_token=scoped"
    assert list((await room.token(body, **basic("billing"))).json())[:5] == [
        "access_token",
        "token_type",
        "expires_in",
        "refresh_token",
        "scope",
    ]


async def test_a_token_of_the_client_itself_comes_alone(room: WebRoom) -> None:
    """RFC 6749 §4.4.3."""
    answer = await room.token(BODIES[Grant.CLIENT_CREDENTIALS], **basic("billing"))
    assert answer.json() == {
        "access_token": "access.billing",
        "token_type": "bearer",
        "expires_in": 1800,
        "accessTokenExpiresAt": "2022-11-01T13:43:43.7826150Z",
        ".issued": "2022-11-01T13:13:43Z",
        ".expires": "2022-11-01T13:43:43Z",
    }


async def test_an_assertion_leads_no_further_than_its_issuer_allows(room: WebRoom) -> None:
    body = f"grant_type={Grant.JWT_BEARER}&assertion=alice+invoices:read+other"
    assert (await room.token(body, **basic("billing"))).status_code == 200
    [(_, who, _)] = room.ledger.calls
    assert who is not None
    assert who.scope == ("invoices:read",)


async def test_a_refused_assertion_is_a_refused_grant(room: WebRoom) -> None:
    body = f"grant_type={Grant.JWT_BEARER}&assertion=forged"
    assert error_of(await room.token(body, **basic("billing"))) == (400, "invalid_grant")
    [fact] = room.facts
    assert (fact["reason"], fact["because"]) == ("assertion_refused", "the signature does not fit")


@pytest.mark.parametrize("requested", [None, ACCESS_TOKEN, JWT])
async def test_an_exchange_says_what_kind_of_token_it_made(
    requested: str | None, room: WebRoom
) -> None:
    more = f"&requested_token_type={requested}" if requested else ""
    body = (await room.token(EXCHANGE + more, **basic("billing"))).json()
    assert list(body)[:4] == ["access_token", "issued_token_type", "token_type", "expires_in"]
    assert body["issued_token_type"] == (requested or ACCESS_TOKEN)
    assert "refresh_token" not in body


async def test_an_actor_token_is_handed_on(room: WebRoom) -> None:
    more = f"&actor_token=access.bob&actor_token_type={ACCESS_TOKEN}"
    assert (await room.token(EXCHANGE + more, **basic("billing"))).status_code == 200
    assert room.ledger.calls[0][0] == "exchange, actor access.bob"


@pytest.mark.parametrize(
    "body",
    [
        f"grant_type={Grant.TOKEN_EXCHANGE}",
        f"grant_type={Grant.TOKEN_EXCHANGE}&subject_token=access.alice",
        f"grant_type={Grant.TOKEN_EXCHANGE}&subject_token_type={JWT}",
        EXCHANGE.replace(JWT, "urn:ietf:params:oauth:token-type:refresh_token"),
        EXCHANGE.replace(JWT, "urn:ietf:params:oauth:token-type:id_token"),
        EXCHANGE.replace(JWT, "jwt"),
        f"{EXCHANGE}&requested_token_type=urn:ietf:params:oauth:token-type:saml2",
        f"{EXCHANGE}&actor_token=access.bob",
        f"{EXCHANGE}&actor_token_type={JWT}",
        f"{EXCHANGE}&actor_token=access.bob&actor_token_type=x",
        EXCHANGE.replace("access.alice", "expired"),
        EXCHANGE.replace("access.alice", "forged"),
        EXCHANGE.replace("access.alice", "ended"),
    ],
)
async def test_what_is_wrong_with_an_exchange_is_a_bad_request(body: str, room: WebRoom) -> None:
    """RFC 8693 §2.2.2, the tokens themselves included."""
    assert error_of(await room.token(body, **basic("billing"))) == (400, "invalid_request")


async def test_no_client_can_have_anothers_token_refused(room: WebRoom) -> None:
    """Refusals are counted by who shows a token: its own client is not held up by them."""
    body = "grant_type=refresh_token&refresh_token=contested"
    for _ in range(MOST_REFUSALS):
        await room.token(body, **basic("billing"))
        await room.token(body)
    assert (await room.token(body, **basic("billing"))).status_code == 429
    assert (await room.token(body)).status_code == 429
    room.ledger.pairs["contested"] = pair("access.alice.2", "refresh.alice.2")
    assert (await room.token(body, **basic("reader"))).status_code == 200


async def test_the_audit_log_says_which_client_it_was(room: WebRoom) -> None:
    await room.token(BODIES[Grant.REFRESH_TOKEN], **basic("billing"))
    assert room.ledger.contexts[0]["client_id"] == "billing"
    await room.token("grant_type=refresh_token&refresh_token=forged", **basic("billing"))
    assert [(fact["reason"], fact["client_id"]) for fact in room.facts] == [
        ("token_forged", "billing")
    ]


async def test_a_public_client_names_itself(room: WebRoom) -> None:
    answer = await room.token(f"{BODIES[Grant.REFRESH_TOKEN]}&client_id=phone-app")
    assert answer.status_code == 200
    assert [who for _, who, _ in room.ledger.calls] == [PHONE]


async def test_the_camel_spelling_knows_no_clients(room: WebRoom) -> None:
    body = "grantType=RefreshToken&refreshToken=refresh.alice.1&client_id=phone-app"
    assert (await room.token(body, **basic("billing", "wrong"))).status_code == 200
    assert (room.clients.shown, room.ledger.calls[0][1]) == ([], None)


def test_a_client_is_narrowed_and_never_widened() -> None:
    wide = client("c", AuthMethod.BASIC, scope="a b")
    assert wide.limited_to(None).scope == ("a", "b")
    assert wide.limited_to("b c").scope == ("b",)
    unscoped = client("d", AuthMethod.BASIC)
    nothing = replace(unscoped, names_scope=True)
    assert nothing.limited_to("").scope == ()
    for client_, scope in (
        (wide, "c"),
        (wide, ""),
        (nothing, "a"),
        (unscoped, "a"),
        (unscoped, ""),
    ):
        with pytest.raises(ScopeRefused):
            client_.limited_to(scope)


async def test_an_issuer_and_a_client_without_a_common_scope_begin_no_session(
    room: WebRoom,
) -> None:
    body = f"grant_type={Grant.JWT_BEARER}&assertion=alice+profile"
    assert error_of(await room.token(body, **basic("billing"))) == (400, "invalid_scope")
    assert room.ledger.calls == []
