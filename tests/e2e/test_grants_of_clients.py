"""Assertions (RFC 7523 §2.1) and exchanged tokens (RFC 8693): each fault with its RFC's error."""

import json
import time
from collections.abc import Callable
from typing import Any

import httpx
import jwt
import pytest
from support.clientele import Clientele
from support.registered import (
    ACCESS_TOKEN,
    INVOICES,
    JWT_BEARER,
    LOGIN,
    PARTNER,
    PROFILE,
    TOKEN_EXCHANGE,
)

NOW = int(time.time())
REFRESH_TOKEN = "urn:ietf:params:oauth:token-type:refresh_token"
IN_FIVE_MINUTES = NOW + 300
Members = dict[str, str]


def claims_of(token: str) -> dict[str, Any]:
    claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return claims


def error_of(answer: httpx.Response) -> str:
    assert answer.status_code in {400, 401}, answer.text
    error: str = answer.json()["error"]
    assert answer.status_code == (401 if error == "invalid_client" else 400)
    return error


def bearer(make: Callable[[Clientele], str], **more: str) -> Callable[[Clientele], Members]:
    return lambda clientele: {"assertion": make(clientele), **more}


def claiming(**claims: object) -> Callable[[Clientele], Members]:
    return bearer(lambda clientele: clientele.registered.assertion(**claims))


def headed(**header: object) -> Callable[[Clientele], Members]:
    def make(clientele: Clientele) -> str:
        claims = {"iss": LOGIN, "sub": "alice", "aud": clientele.url}
        return clientele.registered.signed(LOGIN, claims, header=header)

    return bearer(make)


def by_another(clientele: Clientele) -> str:
    claims = {"iss": LOGIN, "sub": "alice", "aud": clientele.url}
    return clientele.registered.signed(PARTNER, claims, header={"kid": LOGIN})


def of_ours(clientele: Clientele) -> str:
    return str(clientele.handed_over("billing")["access_token"])


def own_credentials(clientele: Clientele) -> str:
    return clientele.registered.client_assertion("portal")["client_assertion"]


def partner(clientele: Clientele) -> str:
    return clientele.registered.assertion(PARTNER, email="alice")


ASSERTIONS: dict[str, tuple[str, Callable[[Clientele], Members], str]] = {
    "none": ("billing", lambda _: {}, "invalid_request"),
    "no JWT": ("billing", bearer(lambda _: "x.y.z"), "invalid_grant"),
    "an issuer nobody trusts": ("billing", claiming(iss="https://evil.example"), "invalid_grant"),
    "no issuer": ("billing", claiming(iss=None), "invalid_grant"),
    "signed by another issuer": ("billing", bearer(by_another), "invalid_grant"),
    "an issuer not in this client's hands": ("poster", bearer(partner), "invalid_grant"),
    "for somebody else": ("billing", claiming(aud="https://other.example"), "invalid_grant"),
    "for a list, even of us": (
        "billing",
        bearer(lambda of: of.registered.assertion(aud=[of.url])),
        "invalid_grant",
    ),
    "for nobody": ("billing", claiming(aud=None), "invalid_grant"),
    "of nobody": ("billing", claiming(sub=None), "invalid_grant"),
    "of a subject that cannot be": ("billing", claiming(sub="a\nb"), "invalid_grant"),
    "expired": ("billing", claiming(exp=NOW - 1), "invalid_grant"),
    "without an end": ("billing", claiming(exp=None), "invalid_grant"),
    "too long-lived": ("billing", claiming(exp=IN_FIVE_MINUTES + 600), "invalid_grant"),
    "of the future": ("billing", claiming(iat=NOW + 600), "invalid_grant"),
    "not valid yet": ("billing", claiming(nbf=NOW + 600), "invalid_grant"),
    "without a jti": ("billing", claiming(jti=None), "invalid_grant"),
    "with too long a jti": ("billing", claiming(jti="j" * 257), "invalid_grant"),
    "of another type": ("billing", headed(typ="at+jwt"), "invalid_grant"),
    "of an unknown key": ("billing", headed(kid="of-nobody"), "invalid_grant"),
    "that names a key of its own": ("billing", headed(jku=LOGIN), "invalid_grant"),
    "our own access token": ("billing", bearer(of_ours), "invalid_grant"),
    "a client's own credentials": ("billing", bearer(own_credentials), "invalid_grant"),
    "a scope beyond its issuer's": (
        "billing",
        bearer(partner, scope="invoices:read"),
        "invalid_scope",
    ),
    "a scope beyond the client's": (
        "billing",
        bearer(lambda of: of.registered.assertion(), scope="profile admin"),
        "invalid_scope",
    ),
    "a resource that is not the client's": (
        "billing",
        bearer(lambda of: of.registered.assertion(), resource="https://other.example"),
        "invalid_target",
    ),
    "a client without the grant": (
        "narrow",
        bearer(lambda of: of.registered.assertion()),
        "unauthorized_client",
    ),
}


@pytest.mark.parametrize("name", ASSERTIONS)
def test_an_assertion_that_is_no_good_begins_no_session(clientele: Clientele, name: str) -> None:
    client_id, members, error = ASSERTIONS[name]
    answer = clientele.asked(client_id, grant_type=JWT_BEARER, **members(clientele))
    assert error_of(answer) == error


def test_an_assertion_is_good_once(clientele: Clientele) -> None:
    """On whichever worker it is shown again."""
    assertion = clientele.registered.assertion()
    asked = {"grant_type": JWT_BEARER, "assertion": assertion}
    assert clientele.asked("billing", **asked).status_code == 200
    for client_id in ("billing", "poster", "billing", "portal"):
        assert error_of(clientele.asked(client_id, **asked)) == "invalid_grant"


def test_an_assertion_may_be_for_the_token_endpoint_if_its_issuer_is_registered_so(
    clientele: Clientele,
) -> None:
    endpoint = f"{clientele.url}/api/oauth2/token"
    assertion = clientele.registered.assertion(aud=endpoint)
    answer = clientele.asked("billing", grant_type=JWT_BEARER, assertion=assertion)
    assert error_of(answer) == "invalid_grant"
    (line,) = [line for line in clientele.server.audit() if line.get("aud") == endpoint]
    assert (line["client_id"], line["reason"]) == ("billing", "assertion_refused")
    assertion = clientele.registered.assertion(PARTNER, email="alice", aud=endpoint)
    answer = clientele.asked("billing", grant_type=JWT_BEARER, assertion=assertion)
    assert answer.status_code == 200, answer.text


def test_an_assertion_leads_as_far_as_its_issuer_may(clientele: Clientele) -> None:
    """The partner vouches by e-mail address, and for one scope alone."""
    answer = clientele.asked("billing", grant_type=JWT_BEARER, assertion=partner(clientele))
    begun = answer.json()
    assert (begun["scope"], claims_of(begun["access_token"])["sub"]) == ("profile", "alice")
    wider = {"grant_type": "refresh_token", "refresh_token": begun["refresh_token"]}
    for scope in ("invoices:read", "profile invoices:read"):
        assert error_of(clientele.asked("billing", **wider, scope=scope)) == "invalid_scope"
    assert clientele.asked("billing", **wider).json()["scope"] == "profile"


def exchange(
    clientele: Clientele, subject_token: str, client_id: str = "billing", **more: str
) -> httpx.Response:
    asked = {"subject_token": subject_token, "subject_token_type": ACCESS_TOKEN} | more
    members = {name: value for name, value in asked.items() if value}
    return clientele.asked(client_id, grant_type=TOKEN_EXCHANGE, **members)


def revoked(clientele: Clientele, kind: str) -> str:
    pair = clientele.handed_over("billing")
    by_client = clientele.registered.basic("billing")
    url = f"{clientele.url}/api/oauth2/revoke"
    assert httpx.post(url, data={"token": pair[kind]}, headers=by_client).status_code == 200
    return str(pair["access_token"])


def refresh_token_of(clientele: Clientele) -> str:
    return str(clientele.handed_over("billing")["refresh_token"])


def of_a_thief(**claims: object) -> Callable[[Clientele], str]:
    return lambda clientele: clientele.signed_by_a_thief(of_ours(clientele), **claims)


def of_one_scope(clientele: Clientele) -> str:
    return str(clientele.handed_over("billing", scope="profile")["access_token"])


ACTOR = {"actor_token_type": ACCESS_TOKEN}
EXCHANGES: dict[str, tuple[Callable[[Clientele], str], Members, str]] = {
    "no token": (lambda _: "", {}, "invalid_request"),
    "no type": (of_ours, {"subject_token_type": ""}, "invalid_request"),
    "a type that is not ours": (
        of_ours,
        {"subject_token_type": "urn:ietf:params:oauth:token-type:saml2"},
        "invalid_request",
    ),
    "a refresh token": (refresh_token_of, {}, "invalid_request"),
    "a refresh token that says so": (
        refresh_token_of,
        {"subject_token_type": REFRESH_TOKEN},
        "invalid_request",
    ),
    "no JWT": (lambda _: "x", {}, "invalid_request"),
    "another issuer's": (lambda of: of.registered.assertion(), {}, "invalid_request"),
    "forged": (lambda of: of_ours(of)[:-8] + "AAAAAAAA", {}, "invalid_request"),
    "of another issuer, by our key": (of_a_thief(iss=LOGIN), {}, "invalid_request"),
    "expired": (of_a_thief(exp=NOW - 1), {}, "invalid_request"),
    "revoked": (lambda of: revoked(of, "access_token"), {}, "invalid_request"),
    "of an ended session": (lambda of: revoked(of, "refresh_token"), {}, "invalid_request"),
    "more scope than it has": (of_one_scope, {"scope": "invoices:read"}, "invalid_scope"),
    "more scope than the client": (of_ours, {"scope": "profile admin"}, "invalid_scope"),
    "an audience of nobody": (of_ours, {"audience": "https://other.example"}, "invalid_target"),
    "a resource of nobody": (of_ours, {"resource": "https://other.example"}, "invalid_target"),
    "a kind that we do not make": (
        of_ours,
        {"requested_token_type": REFRESH_TOKEN},
        "invalid_request",
    ),
    "an actor without a type": (of_ours, {"actor_token": "x"}, "invalid_request"),
    "a type without an actor": (of_ours, ACTOR, "invalid_request"),
    "an actor who is nobody": (of_ours, ACTOR | {"actor_token": "x.y.z"}, "invalid_request"),
}


@pytest.mark.parametrize("name", EXCHANGES)
def test_an_exchange_that_may_not_be_says_why(clientele: Clientele, name: str) -> None:
    subject_token, more, error = EXCHANGES[name]
    assert error_of(exchange(clientele, subject_token(clientele), **more)) == error


def test_what_a_thief_signs_is_refused_for_what_it_says_alone(clientele: Clientele) -> None:
    assert exchange(clientele, of_a_thief()(clientele)).status_code == 200


def test_an_exchange_needs_a_client_that_may(clientele: Clientele) -> None:
    asked = {"grant_type": TOKEN_EXCHANGE, "subject_token": of_ours(clientele)}
    url = f"{clientele.url}/api/oauth2/token"
    assert error_of(httpx.post(url, data=asked)) == "invalid_client"
    assert error_of(exchange(clientele, of_ours(clientele), "phone-app")) == "unauthorized_client"
    other = exchange(clientele, of_ours(clientele), "narrow", scope="profile")
    assert error_of(other) == "invalid_scope"
    assert error_of(exchange(clientele, of_one_scope(clientele), "narrow")) == "invalid_scope"


def test_an_exchanged_token_is_narrower_and_lives_no_longer(clientele: Clientele) -> None:
    subject_token = of_ours(clientele)
    answer = exchange(clientele, subject_token, "narrow", audience=INVOICES)
    body, before = answer.json(), claims_of(subject_token)
    after = claims_of(body["access_token"])
    assert (body["issued_token_type"], body["scope"]) == (ACCESS_TOKEN, "invoices:read")
    assert "refresh_token" not in body
    assert (after["aud"], after["sub"]) == (INVOICES, before["sub"])
    assert after["client_id"] == "narrow"
    assert after["exp"] <= before["exp"]


def test_several_targets_stand_in_the_token_together(clientele: Clientele) -> None:
    answer = exchange(clientele, of_ours(clientele), resource=INVOICES, audience=PROFILE)
    assert claims_of(answer.json()["access_token"])["aud"] == [INVOICES, PROFILE]


def test_each_actor_stands_before_those_that_acted_already(clientele: Clientele) -> None:
    """RFC 8693 §4.1: the current one outermost; and there is an end to it."""
    token = of_ours(clientele)
    for actor in ("bob", "carol"):
        acting = clientele.handed_over("billing", actor)["access_token"]
        token = exchange(clientele, token, **ACTOR, actor_token=acting).json()["access_token"]
    assert claims_of(token)["act"] == {"sub": "carol", "act": {"sub": "bob"}}
    answer = exchange(clientele, token, **ACTOR, actor_token=acting)
    while answer.status_code == 200:
        token = answer.json()["access_token"]
        assert json.dumps(claims_of(token)).count('"act"') <= 8
        answer = exchange(clientele, token, **ACTOR, actor_token=acting)
    assert error_of(answer) == "invalid_request"
