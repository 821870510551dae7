"""Claims: read with every type and moment checked, and one kind never for the other."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs
from support.claims import (
    ACCESS,
    ISSUER,
    NOW,
    OF_A_CLIENT,
    REFRESH,
    USUAL,
    read_access,
    read_refresh,
    unverified,
)

from token_server.tokens.claims import (
    access_claims,
)
from token_server.tokens.model import (
    LEEWAY,
    AccessToken,
    ClientId,
    SessionId,
    Subject,
    TokenType,
)
from token_server.tokens.moments import from_seconds
from token_server.tokens.reading import read_access_token
from token_server.tokens.refusals import (
    ClockBehind,
    TokenExpired,
    TokenForged,
    TokenMalformed,
    TokenMisplaced,
    TokenNotYetValid,
    TokenRefused,
)


@pytest.mark.parametrize("typ", [TokenType.JWT, TokenType.RT_JWT])
def test_what_we_write_we_read(typ: TokenType) -> None:
    token = read_refresh(REFRESH, typ=typ)
    assert token.typ is typ
    assert (token.subject, token.sid, token.generation) == ("user", "s" * 22, 3)


whole_seconds = st.integers(1_586_255_400, 1_586_259_000).map(from_seconds)
shapes = st.builds(
    AccessToken,
    typ=st.sampled_from([TokenType.JWT, TokenType.AT_JWT]),
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
    token = structs.replace(USUAL, **changes)
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
        (read_access, REFRESH, TokenType.RT_JWT),
        (read_access, ACCESS, TokenType.RT_JWT),
        (read_refresh, ACCESS, TokenType.RT_JWT),
        (read_refresh, REFRESH, TokenType.INTROSPECTION),
        (read_access, ACCESS, TokenType.INTROSPECTION),
        (read_access, ACCESS | {"aud": "refresh"}, TokenType.JWT),
        (read_access, ACCESS | {"aud": "refresh", "client_id": "c"}, TokenType.AT_JWT),
        (read_access, ACCESS | {"aud": ["access", "refresh"], "client_id": "c"}, TokenType.JWT),
        (read_refresh, REFRESH | {"aud": ["refresh", "access"]}, TokenType.JWT),
    ],
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
    long = structs.replace(OF_A_CLIENT, actors=tuple("abcdefghi"))
    with pytest.raises(TokenMalformed):
        read_access(access_claims(long, issuer=ISSUER, about={}))


@pytest.mark.parametrize("name", sorted(REFRESH))
@pytest.mark.parametrize(
    "value", [None, True, 1.0, 1_586_255_379.0, -1, 10**400, "1 ", "", [], ["refresh"], {}]
)
def test_a_member_of_another_type_or_range_is_refused(name: str, value: object) -> None:
    with pytest.raises(TokenRefused):
        read_refresh(REFRESH | {name: value})


def test_a_generation_that_the_store_could_not_keep_is_refused() -> None:
    for generation, refusal in ((2**31 - 2, TokenForged), (2**31 - 1, TokenMalformed)):
        with pytest.raises(refusal):
            read_refresh(REFRESH | {"generation": generation})


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
