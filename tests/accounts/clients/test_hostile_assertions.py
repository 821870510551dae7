"""Assertions that are not good, of clients and of trusted issuers: none is accepted."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis
from support.desk import (
    ISSUER,
    KEYS,
    LOGIN,
    TOKEN_PATH,
    Desk,
    by_assertion,
    jwk,
    open_desk,
    signed,
)

from token_server.tokens.refusals import AssertionRefused, ClientRefused

pytestmark = pytest.mark.anyio

HEADER = {"alg": "ES256", "kid": "portal-1"}
HOUR = 3600


def encoded(part: object) -> str:
    text = part if isinstance(part, str) else json.dumps(part)
    return base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()


def unsigned(header: object, claims: object, signature: str = "") -> str:
    return f"{encoded(header)}.{encoded(claims)}.{signature}"


def hs256_by_the_public_key(claims: dict[str, Any]) -> str:
    head = f"{encoded({'alg': 'HS256', 'kid': 'portal-1'})}.{encoded(claims)}"
    key = KEYS["portal"].as_pem(private=False)
    mac = hmac.new(key, head.encode(), hashlib.sha256).digest()
    return f"{head}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"


def with_header(more: dict[str, Any]) -> Callable[[dict[str, Any]], str]:
    """Signed by the right key."""
    header = {name: value for name, value in (HEADER | more).items() if value is not None}
    return lambda claims: signed(header, claims, "portal")


def with_raw_header(header: object) -> Callable[[dict[str, Any]], str]:
    """With a signature over something else: what is signed last is looked at last."""
    return lambda claims: unsigned(header, claims, signed(HEADER, claims, "portal").split(".")[2])


OWN_JWK = KEYS["stranger"].as_dict(private=False)
RAW_HEADERS: list[Any] = [
    *("", "[]", "1", "null", "{", '"alg"', '{"alg":"ES256","alg":"ES256"}', "\ud7ff"),
    *({}, {"alg": 1}, {"alg": ["ES256"]}, {"alg": None}, {"alg": {"a": 1}}),
    *(HEADER | {"kid": 1}, HEADER | {"kid": ["portal-1"]}, HEADER | {"kid": {}}),
    *(HEADER | {"typ": 1}, HEADER | {"crit": 5}, HEADER | {"crit": [{}]}),
    *(HEADER | {"b64": False, "crit": ["b64"]}, HEADER | {"b64": False}),
    *(HEADER | {"x": "y" * 5000}, HEADER | {"jwk": 5}, "[" * 3000),
]
HEADERS: list[Callable[[dict[str, Any]], str]] = [
    lambda claims: signed(HEADER, claims, "stranger"),
    lambda claims: unsigned({"alg": "none"}, claims),
    lambda claims: unsigned({"alg": "none", "kid": "portal-1"}, claims),
    hs256_by_the_public_key,
    lambda claims: signed({"alg": "RS256"}, claims, "mobile"),
    lambda claims: signed({"alg": "EdDSA"}, claims, "ed"),
    lambda claims: signed(HEADER | {"jwk": OWN_JWK}, claims, "stranger"),
    *[
        with_header(more)
        for more in (
            {"jwk": KEYS["portal"].as_dict(private=False)},
            {"jku": "https://evil.example/jwks"},
            {"x5u": "https://evil.example/cert"},
            {"crit": ["typ"], "typ": "JWT"},
            {"typ": "at+jwt"},
            {"typ": "dpop+jwt"},
            {"typ": ""},
            {"typ": "authorization-grant+jwt"},
            {"kid": "portal-2"},
            {"kid": "PORTAL-1"},
            {"kid": ""},
            {"kid": "../portal-1"},
            {"kid": "' OR 1=1 --"},
            {"kid": 'quote"s'},
            {"kid": "\u0000"},
        )
    ],
    *map(with_raw_header, RAW_HEADERS),
]


@pytest.mark.parametrize("assertion", HEADERS, ids=range(len(HEADERS)))
async def test_a_crafted_header_is_refused(
    desk: Desk, assertion: Callable[[dict[str, Any]], str]
) -> None:
    with pytest.raises(ClientRefused):
        await desk.client(by_assertion(assertion(desk.claims())))


CLAIMS: list[dict[str, Any]] = [
    *[{"iss": bad} for bad in (None, "mobile", LOGIN, "", 1, ["portal"], "portal ")],
    *[{"sub": bad} for bad in (None, "mobile", "nobody", "", 1, ["portal"], "Portal")],
    *[{"aud": bad} for bad in (None, [ISSUER], [ISSUER + TOKEN_PATH], [], "", 1, {"a": ISSUER})],
    *[{"aud": bad} for bad in ("https://evil.example", f"{ISSUER}/", ISSUER.upper(), "access")],
    {"aud": [ISSUER, "https://evil.example"]},
    *[{"aud": ISSUER + path} for path in (TOKEN_PATH, "/api/oauth2/introspect")],
    *[{"jti": bad} for bad in (None, "", "j" * 257, 1, ["a"], True)],
    *[{"exp": bad} for bad in (None, 0, -1, "9999999999", True, [1], 1e308, 10**400)],
    *[{"nbf": bad} for bad in (True, "1", [1])],
    *[{"iat": bad} for bad in (True, "1", [1])],
    {"longer": "than needed" * 800},
    {"iss": "nobody", "sub": "nobody"},
    {"iss": "billing", "sub": "billing"},
    {"iss": "phone-app", "sub": "phone-app"},
]


@pytest.mark.parametrize("more", CLAIMS, ids=range(len(CLAIMS)))
async def test_a_crafted_claim_is_refused(desk: Desk, more: dict[str, Any]) -> None:
    claims = desk.claims() | more
    claims = {name: value for name, value in claims.items() if value is not None}
    with pytest.raises(ClientRefused):
        await desk.client(by_assertion(signed(HEADER, claims, "portal")))


@pytest.mark.parametrize(
    ("name", "seconds"),
    [("exp", 0), ("exp", -1), ("exp", 331), ("exp", HOUR), ("nbf", 31), ("iat", 31)],
)
async def test_a_moment_that_has_passed_or_is_far_away_is_refused(
    desk: Desk, name: str, seconds: int
) -> None:
    claims = desk.claims() | {name: desk.clock().timestamp() + seconds}
    with pytest.raises(ClientRefused):
        await desk.client(by_assertion(signed(HEADER, claims, "portal")))


@pytest.mark.parametrize(
    "payload",
    [
        *("", "[]", "null", "{", '"a"', "[" * 20_000, '{"exp": NaN}', '{"exp": 1e999}', "\x00"),
        f'{{"aud": "https://evil.example", "aud": "{ISSUER}"}}',
    ],
    ids=range(10),
)
async def test_a_payload_that_is_no_plain_object_is_refused(desk: Desk, payload: str) -> None:
    with pytest.raises(ClientRefused):
        await desk.client(by_assertion(signed(HEADER, payload, "portal")))


async def test_a_replayed_assertion_is_refused_also_in_another_writing(desk: Desk) -> None:
    claims = desk.claims()
    assertion = signed(HEADER, claims, "portal")
    assert await desk.client(by_assertion(assertion))
    again = [assertion, assertion + "=", signed(HEADER, claims | {"iat": 1}, "portal")]
    for each in again:
        with pytest.raises(ClientRefused):
            await desk.client(by_assertion(each))


@pytest.mark.parametrize(
    "kind",
    [
        "urn:ietf:params:oauth:client-assertion-type:saml2-bearer",
        "urn:ietf:params:oauth:client-assertion-type:JWT-bearer",
        "",
    ],
)
async def test_another_type_of_assertion_is_refused(desk: Desk, kind: str) -> None:
    assertion = signed(HEADER, desk.claims(), "portal")
    with pytest.raises(ClientRefused):
        await desk.client(by_assertion(assertion, client_assertion_type=kind))


async def test_a_client_id_beside_it_is_the_same_one(desk: Desk) -> None:
    assertion = signed(HEADER, desk.claims(), "portal")
    with pytest.raises(ClientRefused):
        await desk.client(by_assertion(assertion, client_id="mobile"))
    assert await desk.client(by_assertion(assertion, client_id="portal"))


async def test_without_a_kid_two_keys_that_fit_are_one_too_many(
    redis: Redis, tmp_path: Path
) -> None:
    toml = f"""[[clients]]
client_id = "portal"
token_endpoint_auth_method = "private_key_jwt"
jwks = {{ keys = [{jwk("portal")}, {jwk("login")}, {jwk("mobile")}] }}
"""
    desk = await open_desk(redis, tmp_path, toml=toml)
    for key in ("portal", "login"):
        with pytest.raises(ClientRefused):
            await desk.client(by_assertion(signed({"alg": "ES256"}, desk.claims(), key)))
    assert await desk.client(by_assertion(signed(HEADER, desk.claims(), "portal")))
    assert await desk.client(by_assertion(signed({"alg": "RS256"}, desk.claims(), "mobile")))


async def test_the_key_that_kid_names_is_the_only_one_that_is_tried(desk: Desk) -> None:
    swapped = signed({"alg": "EdDSA", "kid": "rsa"}, desk.claims("mobile"), "ed")
    with pytest.raises(ClientRefused):
        await desk.client(by_assertion(swapped))


async def test_an_issuers_assertion_proves_no_client_nor_a_clients_a_user(desk: Desk) -> None:
    portal = await desk.client(by_assertion(signed(HEADER, desk.claims(), "portal")))
    assert portal
    login = desk.claims(iss=LOGIN, sub="portal")
    with pytest.raises(ClientRefused):
        await desk.client(by_assertion(signed({"alg": "ES256"}, login, "login")))
    own = signed(HEADER, desk.claims(), "portal")
    with pytest.raises(AssertionRefused):
        await desk.desk.assertions(own, client=portal)


async def test_two_issuers_may_use_the_same_jti_and_each_is_good_once(desk: Desk) -> None:
    """Issuers that count 1, 2, 3 must not spend each other's."""
    by_portal = signed(HEADER, desk.claims(jti="1"), "portal")
    by_mobile = signed({"alg": "RS256"}, desk.claims("mobile", jti="1"), "mobile")
    of_login = signed({"alg": "ES256"}, desk.claims(iss=LOGIN, sub="alice", jti="1"), "login")
    for assertion in (by_portal, by_mobile):
        assert await desk.client(by_assertion(assertion))
        with pytest.raises(ClientRefused):
            await desk.client(by_assertion(assertion))
    portal = desk.desk.registry.find("portal")
    assert portal
    assert (await desk.desk.assertions(of_login, client=portal)).subject == "alice"
    with pytest.raises(AssertionRefused):
        await desk.desk.assertions(of_login, client=portal)
