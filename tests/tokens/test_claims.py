"""Claims: written as documented, in the documented order, ours after them."""

from datetime import timedelta

import pytest
from msgspec import structs
from support.claims import ACCESS, IDS, ISSUER, NOW, OF_A_CLIENT, REFRESH, SESSION, USUAL

from token_server.tokens.claims import (
    access_claims,
    is_subject,
    session_access_token,
)
from token_server.tokens.model import (
    ClientId,
    TokenType,
)
from token_server.tokens.terms import DOCUMENTED, Terms


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
    told = access_claims(
        structs.replace(OF_A_CLIENT, typ=TokenType.AT_JWT), issuer=ISSUER, about={}
    )
    assert list(told) == [
        *("iss", "exp", "aud", "sub", "client_id", "iat", "jti"),
        *("scope", "sid"),
    ]


def test_who_acts_is_nested_outermost_first() -> None:
    told = access_claims(
        structs.replace(OF_A_CLIENT, actors=("now", "before", "first")), issuer=ISSUER, about={}
    )
    assert told["act"] == {"sub": "now", "act": {"sub": "before", "act": {"sub": "first"}}}


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
    session = structs.replace(SESSION, reusable=True)
    moments = [NOW, NOW, NOW + timedelta(microseconds=1)]
    ids = [
        session_access_token(structs.replace(session, issued_at=at), IDS, DOCUMENTED).token_id
        for at in moments
    ]
    assert ids[0] == ids[1] != ids[2]
    assert USUAL.token_id not in ids


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
