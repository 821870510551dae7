"""Claims: written as documented, read with every type and moment checked."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from token_server.tokens.claims import (
    access_claims,
    is_subject,
    refresh_claims,
    session_access_token,
)
from token_server.tokens.identity import TokenIds
from token_server.tokens.model import (
    LEEWAY,
    AccessToken,
    ClientId,
    Kid,
    RefreshToken,
    Session,
    SessionId,
    Subject,
    TokenType,
    UnverifiedToken,
)
from token_server.tokens.moments import from_seconds
from token_server.tokens.reading import read_access_token, read_refresh_token
from token_server.tokens.refusals import (
    ClockBehind,
    TokenExpired,
    TokenForged,
    TokenMalformed,
    TokenMisplaced,
    TokenNotYetValid,
    TokenRefused,
)
from token_server.tokens.terms import DOCUMENTED, Terms

NOW = datetime(2020, 4, 7, 10, 29, 39, 999_999, tzinfo=UTC)
IDS = TokenIds(bytes(32))
ISSUER = "https://issuer.example"
SESSION = Session(
    sid=SessionId("s" * 22),
    subject=Subject("user"),
    generation=3,
    base=2,
    short_term=False,
    began_at=NOW - timedelta(days=1),
    issued_at=NOW,
    access_token_expires_at=NOW + timedelta(minutes=15),
    refresh_token_expires_at=NOW + timedelta(days=14),
    kid=Kid("k"),
)
REFRESH = refresh_claims(SESSION, IDS)
USUAL = session_access_token(SESSION, IDS, DOCUMENTED)
ACCESS = access_claims(USUAL, issuer=ISSUER, about={})


def unverified(claims: Mapping[str, object], typ: TokenType = TokenType.JWT) -> UnverifiedToken:
    return UnverifiedToken(compact="a.b.c", kid=Kid("k"), typ=typ, unverified_claims=dict(claims))


OF_A_CLIENT = replace(USUAL, client_id=ClientId("billing"), scope="a b")


def read_refresh(
    claims: Mapping[str, object], now: datetime = NOW, typ: TokenType = TokenType.JWT
) -> RefreshToken:
    return read_refresh_token(unverified(claims, typ), ids=IDS, now=now)


def read_access(
    claims: Mapping[str, object], now: datetime = NOW, typ: TokenType = TokenType.JWT
) -> AccessToken:
    return read_access_token(unverified(claims, typ), issuer=ISSUER, now=now)


def test_a_refresh_tokens_claims_are_the_documented_ones_in_order_then_ours() -> None:
    assert list(REFRESH) == [
        *("unique_name", "token_id", "short_term_expiration", "nbf", "exp", "iat", "aud"),
        *("sid", "generation"),
    ]
    assert REFRESH["short_term_expiration"] == "False"
    assert (REFRESH["nbf"], REFRESH["iat"], REFRESH["exp"]) == (
        *(1_586_255_379, 1_586_255_379),
        1_586_255_379 + 14 * 86_400,
    )


def test_an_access_tokens_claims_are_the_documented_ones_in_order_then_ours() -> None:
    assert list(ACCESS) == [
        *("unique_name", "nbf", "exp", "iat", "aud"),
        *("iss", "sub", "jti", "sid"),
    ]


def test_an_access_token_of_a_client_says_so_after_the_documented_claims() -> None:
    told = access_claims(OF_A_CLIENT, issuer=ISSUER, about={"id": 7, "sub": "mallory"})
    assert list(told) == [*ACCESS, "client_id", "scope", "id"]
    assert (told["client_id"], told["scope"], told["sub"]) == ("billing", "a b", "user")


def test_an_access_token_of_rfc_9068_has_its_claims_first() -> None:
    told = access_claims(replace(OF_A_CLIENT, typ=TokenType.AT_JWT), issuer=ISSUER, about={})
    assert list(told) == [
        *("iss", "exp", "aud", "sub", "client_id", "iat", "jti"),
        *("scope", "sid"),
    ]


def test_who_acts_is_nested_outermost_first() -> None:
    told = access_claims(
        replace(OF_A_CLIENT, actors=("now", "before", "first")), issuer=ISSUER, about={}
    )
    assert told["act"] == {"sub": "now", "act": {"sub": "before", "act": {"sub": "first"}}}


def test_what_we_write_we_read() -> None:
    token = read_refresh(REFRESH)
    assert (token.subject, token.sid, token.generation) == ("user", "s" * 22, 3)


whole_seconds = st.integers(1_586_255_400, 1_586_259_000).map(from_seconds)
shapes = st.builds(
    AccessToken,
    typ=st.sampled_from(TokenType),
    subject=st.sampled_from(["user", "Åsa Öberg", "billing"]).map(Subject),
    sid=st.none() | st.just(SessionId("s" * 22)),
    token_id=st.just(USUAL.token_id),
    audience=st.sampled_from([("access",), ("https://a.example",), ("access", "b", "c")]),
    client_id=st.just(ClientId("billing")),
    scope=st.none() | st.just("a b"),
    actors=st.sampled_from([(), ("now",), tuple("abcdefgh")]),
    issued_at=st.just(from_seconds(1_586_255_379)),
    expires_at=whole_seconds,
)


@given(token=shapes)
def test_every_shape_of_access_token_that_we_issue_we_read(token: AccessToken) -> None:
    claims = access_claims(token, issuer=ISSUER, about={"email": "a@b.example"})
    assert read_access(claims, typ=token.typ) == token
    with pytest.raises(TokenRefused):
        read_refresh(claims, typ=token.typ)


@pytest.mark.parametrize(
    "changes",
    [
        {"typ": TokenType.AT_JWT},
        {"audience": ("https://a.example",)},
        {"sid": None},
    ],
)
def test_a_shape_that_only_clients_get_is_refused_without_one(changes: dict[str, Any]) -> None:
    token = replace(USUAL, **changes)
    claims = access_claims(token, issuer=ISSUER, about={})
    with pytest.raises(TokenRefused):
        read_access({k: v for k, v in claims.items() if v is not None}, typ=token.typ)


@pytest.mark.parametrize(
    ("read", "claims", "typ"),
    [
        (read_refresh, ACCESS, TokenType.JWT),
        (read_refresh, ACCESS, TokenType.AT_JWT),
        (read_refresh, REFRESH, TokenType.AT_JWT),
        (read_access, REFRESH, TokenType.JWT),
        (read_access, REFRESH, TokenType.AT_JWT),
        (read_access, ACCESS | {"aud": "refresh"}, TokenType.JWT),
        (read_access, ACCESS | {"aud": "refresh", "client_id": "c"}, TokenType.AT_JWT),
        (read_access, ACCESS | {"aud": ["access", "refresh"], "client_id": "c"}, TokenType.JWT),
        (read_refresh, REFRESH | {"aud": ["refresh", "access"]}, TokenType.JWT),
    ],
    ids=str,
)
def test_each_kind_of_token_is_refused_where_the_other_belongs(
    read: Callable[..., object], claims: Mapping[str, object], typ: TokenType
) -> None:
    with pytest.raises(TokenMisplaced):
        read(claims, typ=typ)


def test_another_issuers_access_token_is_refused() -> None:
    with pytest.raises(TokenMisplaced):
        read_access_token(unverified(ACCESS), issuer="https://other.example", now=NOW)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *product(["aud"], [None, 5, [], ["access"], ["a", 5], {"access": 1}]),
        *product(["act"], ["alice", [], {}, {"sub": 5}, {"sub": "a", "act": "b"}]),
        *product(["jti"], [None, "", "x" * 36, USUAL.token_id.upper()]),
        *(("scope", 5), ("client_id", None), ("sid", "short"), ("sub", " user"), ("iat", 1.5)),
    ],
    ids=str,
)
def test_an_access_token_with_a_member_that_we_never_write_is_refused(
    name: str, value: object
) -> None:
    claims = access_claims(OF_A_CLIENT, issuer=ISSUER, about={}) | {name: value}
    with pytest.raises(TokenRefused):
        read_access(claims)


def test_a_chain_of_actors_longer_than_any_of_ours_is_refused() -> None:
    long = replace(OF_A_CLIENT, actors=tuple("abcdefghi"))
    with pytest.raises(TokenMalformed):
        read_access(access_claims(long, issuer=ISSUER, about={}))


def test_what_differs_in_anything_has_another_id() -> None:
    variations = [
        DOCUMENTED,
        Terms(scope="a"),
        Terms(scope="b"),
        Terms(audience=("a",)),
        Terms(client_id=ClientId("a")),
        Terms(typ=TokenType.AT_JWT),
        Terms(about={"id": 1}),
        Terms(about={"id": 2}),
    ]
    ids = [session_access_token(SESSION, IDS, terms).token_id for terms in variations]
    again = [session_access_token(SESSION, IDS, terms).token_id for terms in variations]
    assert ids == again
    assert len(set(ids)) == len(variations)


def test_each_access_token_of_a_reusable_session_has_an_id_of_its_own() -> None:
    session = replace(SESSION, reusable=True)
    moments = [NOW, NOW, NOW + timedelta(microseconds=1)]
    ids = [
        session_access_token(replace(session, issued_at=at), IDS, DOCUMENTED).token_id
        for at in moments
    ]
    assert ids[0] == ids[1] != ids[2]
    assert USUAL.token_id not in ids


@pytest.mark.parametrize("name", sorted(REFRESH))
@pytest.mark.parametrize(
    "value", [None, True, 1.0, 1_586_255_379.0, -1, 10**400, "1 ", "", [], ["refresh"], {}]
)
def test_a_member_of_another_type_or_range_is_refused(name: str, value: object) -> None:
    with pytest.raises(TokenRefused):
        read_refresh(REFRESH | {name: value})


@pytest.mark.parametrize("name", sorted(REFRESH))
def test_a_member_that_is_missing_is_refused(name: str) -> None:
    with pytest.raises(TokenMalformed):
        read_refresh({key: value for key, value in REFRESH.items() if key != name})


@pytest.mark.parametrize("changes", [{"generation": 4}, {"sid": "t" * 22}])
def test_a_token_id_of_another_token_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(TokenForged):
        read_refresh(REFRESH | changes)


def test_a_token_expires_at_its_exp_to_the_second() -> None:
    expires_at = datetime(2020, 4, 21, 10, 29, 39, tzinfo=UTC)
    read_refresh(REFRESH, expires_at - timedelta(microseconds=1))
    with pytest.raises(TokenExpired):
        read_refresh(REFRESH, expires_at)


def test_a_token_of_a_server_whose_clock_is_ahead_is_taken_within_the_leeway() -> None:
    read_refresh(REFRESH, NOW - LEEWAY)
    too_far = NOW - LEEWAY - timedelta(seconds=1)
    with pytest.raises(TokenNotYetValid):
        read_access(ACCESS, too_far)
    # Only we can have made its token_id: it is our clock that is behind, and nobody's log-out.
    with pytest.raises(ClockBehind):
        read_refresh(REFRESH, too_far)


@given(
    claims=st.dictionaries(
        st.sampled_from(sorted(REFRESH)),
        st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.text()),
    )
)
def test_no_claims_whatever_raise_anything_but_a_refusal(claims: dict[str, object]) -> None:
    with suppress(TokenRefused, ClockBehind):
        read_refresh(REFRESH | claims)


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ("alice", True),
        ("alice@example.org", True),
        ("Жанна d'Arc", True),
        ("a" * 255, True),
        ("a" * 256, False),
        ("", False),
        (" alice", False),
        ("alice\n", False),
        ("al\x00ice", False),
        ("al\udc80ice", False),
    ],
)
def test_a_subject_is_printable_and_of_bounded_length(text: str, *, fits: bool) -> None:
    assert is_subject(text) is fits
