"""Claims: written as documented, read with every type and moment checked."""

from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from token_server.tokens.claims import (
    access_claims,
    is_subject,
    read_access_token,
    read_refresh_token,
    refresh_claims,
)
from token_server.tokens.identity import TokenIds
from token_server.tokens.model import LEEWAY, Kid, Session, SessionId, Subject
from token_server.tokens.refusals import (
    ClockBehind,
    TokenExpired,
    TokenForged,
    TokenMalformed,
    TokenMisplaced,
    TokenNotYetValid,
    TokenRefused,
)

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
ACCESS = access_claims(SESSION, IDS, issuer=ISSUER)


def read_refresh(claims: Mapping[str, object], now: datetime = NOW) -> None:
    read_refresh_token(claims, ids=IDS, now=now)


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


def test_what_we_write_we_read() -> None:
    token = read_refresh_token(REFRESH, ids=IDS, now=NOW)
    assert (token.subject, token.sid, token.generation) == ("user", "s" * 22, 3)
    access = read_access_token(ACCESS, issuer=ISSUER, now=NOW)
    assert (access.subject, access.sid, access.token_id) == ("user", "s" * 22, ACCESS["jti"])


def test_each_kind_of_token_is_refused_where_the_other_belongs() -> None:
    with pytest.raises(TokenMisplaced):
        read_refresh(ACCESS)
    with pytest.raises(TokenMisplaced):
        read_access_token(REFRESH, issuer=ISSUER, now=NOW)


def test_another_issuers_access_token_is_refused() -> None:
    with pytest.raises(TokenMisplaced):
        read_access_token(ACCESS, issuer="https://other.example", now=NOW)


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
        read_access_token(ACCESS, issuer=ISSUER, now=too_far)
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
