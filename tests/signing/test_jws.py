"""Compact tokens: byte for byte what joserfc writes, and read back as written."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import RSAKey
from support.keys import private_key, public_key
from support.signing import compact

from token_server.signing import base64url, jws
from token_server.signing.rsa_keys import verifying_key
from token_server.tokens.model import TYPES_READ, Kid, TokenType
from token_server.tokens.refusals import KeyUnknown, TokenForged, TokenMalformed

KID = public_key(0).kid
HEADER = jws.header_of(KID)
HEADERS = {HEADER: (KID, TokenType.JWT)}
REFRESH = {
    "unique_name": "user",
    "token_id": "d9d8b7de-b0b5-475b-8e18-58dc335f9b35",
    "short_term_expiration": "False",
    "nbf": 1586255379,
    "exp": 1587464979,
    "iat": 1586255379,
    "aud": "refresh",
}

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
claims_values = st.none() | st.booleans() | st.integers() | texts
claims_sets = st.dictionaries(texts, claims_values | st.lists(claims_values), max_size=8)


def by_joserfc(claims: dict[str, Any]) -> str:
    header = {"alg": "RS512", "kid": KID, "typ": "JWT"}
    key = RSAKey.import_key(private_key(0))
    return jwt.encode(header, claims, key, algorithms=["RS512"], default_type=None)


def test_the_header_says_alg_kid_typ_in_this_order() -> None:
    text = base64.urlsafe_b64decode(HEADER + "=" * (-len(HEADER) % 4)).decode()
    assert text == f'{{"alg":"RS512","kid":"{KID}","typ":"JWT"}}'


def test_an_access_token_of_rfc_9068_says_so_in_its_header_and_nothing_else_differs() -> None:
    text = base64url.decode(jws.header_of(KID, TokenType.AT_JWT)).decode()
    assert text == f'{{"alg":"RS512","kid":"{KID}","typ":"at+jwt"}}'


@pytest.mark.parametrize("typ", TYPES_READ)
def test_a_key_that_we_do_not_have_is_unknown_whatever_the_type_of_the_token(
    typ: TokenType,
) -> None:
    header = jws.header_of(Kid("of another keyset"), typ)
    with pytest.raises(KeyUnknown):
        jws.unpack(compact(header, REFRESH, private_key(0)), HEADERS)


@pytest.mark.parametrize(
    "subject", ["user", "Åsa Öberg", "李", "🔑", 'quoted "\\" </x>', "\u2028"]
)
def test_a_token_equals_joserfc_byte_for_byte(subject: str) -> None:
    claims = REFRESH | {"unique_name": subject}
    assert compact(HEADER, claims, private_key(0)) == by_joserfc(claims)


@given(claims=claims_sets)
def test_any_claims_equal_joserfc_byte_for_byte_and_read_back(claims: dict[str, Any]) -> None:
    token = compact(HEADER, claims, private_key(0))
    assert token == by_joserfc(claims)
    unverified = jws.unpack(token, HEADERS)
    assert (unverified.kid, unverified.unverified_claims) == (KID, claims)
    assert list(unverified.unverified_claims) == list(claims), "in the order written"
    jws.verify(unverified, verifying_key(public_key(0)))


def test_signing_twice_gives_the_same_bytes() -> None:
    """What makes a repeated answer possible without storing it."""
    assert compact(HEADER, REFRESH, private_key(0)) == compact(HEADER, REFRESH, private_key(0))


def test_claims_that_are_no_json_are_never_signed() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        compact(HEADER, {"exp": float("nan")}, private_key(0))


def test_a_signature_of_another_key_is_forged() -> None:
    token = compact(HEADER, REFRESH, private_key(1))
    with pytest.raises(TokenForged):
        jws.verify(jws.unpack(token, HEADERS), verifying_key(public_key(0)))


def test_every_bit_of_payload_and_signature_counts() -> None:
    token = compact(HEADER, REFRESH, private_key(0))
    _, payload, signature = (base64url.decode(part) for part in token.split("."))
    changed = payload.replace(b'"user"', b'"usfr"')
    flipped = bytes([signature[0], signature[1] ^ 1, *signature[2:]])
    key = verifying_key(public_key(0))
    for parts in ((changed, signature), (payload, flipped), (payload, signature[:-1])):
        forged = ".".join([HEADER, *map(base64url.encode, parts)])
        with pytest.raises(TokenForged):
            jws.verify(jws.unpack(forged, HEADERS), key)


def test_a_token_may_have_8192_characters_and_no_more() -> None:
    overhead = len(compact(HEADER, {"pad": ""}, private_key(0)))
    most = (jws.LONGEST_TOKEN - overhead) * 3 // 4
    token = compact(HEADER, {"pad": "x" * most}, private_key(0))
    assert jws.LONGEST_TOKEN - 4 < len(token) <= jws.LONGEST_TOKEN
    assert jws.unpack(token, HEADERS).kid == KID
    with pytest.raises(TokenMalformed):
        jws.unpack(compact(HEADER, {"pad": "x" * (most + 4)}, private_key(0)), HEADERS)


def test_neither_token_nor_claims_show_in_a_repr() -> None:
    token = compact(HEADER, REFRESH, private_key(0))
    shown = repr(jws.unpack(token, HEADERS))
    assert token not in shown
    assert REFRESH["token_id"] not in shown  # type: ignore[operator]


@given(data=st.binary(max_size=64))
def test_base64url_reads_back_what_it_wrote(data: bytes) -> None:
    text = base64url.encode(data)
    assert base64url.decode(text) == data
    assert "=" not in text


@given(text=st.text(max_size=8) | st.text("AQgw+/-_=\n .", max_size=6))
def test_base64url_reads_only_what_it_could_have_written(text: str) -> None:
    try:
        data = base64url.decode(text)
    except ValueError:
        return
    assert base64url.encode(data) == text


def test_a_header_names_its_kid_as_json_whatever_the_kid() -> None:
    header = json.loads(base64url.decode(jws.header_of(Kid('a"b\u00e9'))))
    assert header == {"alg": "RS512", "kid": 'a"b\u00e9', "typ": "JWT"}
