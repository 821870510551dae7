"""Whatever is shown as a token is refused with a type, and never leads to a fault of ours."""

import json
from collections.abc import Iterator
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.hostile_tokens import Forge, b64
from support.keys import (
    NOW,
    fresh_keyset,
    private_key,
    private_keys,
    public_key,
    revoked_keyset,
    rotated_keyset,
)
from support.signing import signed_now

from token_server.signing.signer import KeysetSigner
from token_server.tokens.refusals import KeyUnknown, TokenForged, TokenMalformed, TokenRefused

SIGNER = KeysetSigner(fresh_keyset(), private_keys(0, 1), grace_period=timedelta(seconds=60))
CLAIMS = {"unique_name": "user", "aud": "refresh"}
GENUINE = signed_now(SIGNER, CLAIMS, kid=public_key(0).kid, now=NOW)
FORGE = Forge(key=private_key(0), genuine=GENUINE, other_kid=public_key(1).kid)


def table(cases: Iterator[tuple[str, str]]) -> pytest.MarkDecorator:
    rows = list(cases)
    # Names hold parts of keys that are made anew each time; tests that run side by side are told
    # apart by what stays.
    names = [f"{name.partition(' ')[0]} {number}" for number, (name, _) in enumerate(rows)]
    return pytest.mark.parametrize("token", [token for _, token in rows], ids=names)


@table(FORGE.malformed())
def test_what_we_never_write_is_malformed_before_any_rsa_work(token: str) -> None:
    with pytest.raises(TokenMalformed):
        SIGNER.unpack(token)


@table(FORGE.forged())
def test_what_our_key_did_not_sign_is_forged(token: str) -> None:
    with pytest.raises(TokenForged):
        SIGNER.verify(SIGNER.unpack(token), NOW)


@table(FORGE.of_unknown_keys())
def test_a_key_that_we_do_not_have_is_unknown(token: str) -> None:
    with pytest.raises(KeyUnknown):
        SIGNER.unpack(token)


def test_there_are_many_and_what_they_are_made_of_is_genuine() -> None:
    cases = dict([*FORGE.malformed(), *FORGE.forged(), *FORGE.of_unknown_keys()])
    assert len(set(cases.values())) >= 140
    assert GENUINE not in cases.values()
    assert FORGE.headed() == FORGE.loaded(json.dumps(CLAIMS, separators=(",", ":"))) == GENUINE
    SIGNER.verify(SIGNER.unpack(GENUINE), NOW)


any_text = st.text(st.characters(codec=None, exclude_categories=[]), max_size=200)
json_text = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | any_text,
    lambda inner: st.lists(inner) | st.dictionaries(any_text, inner),
    max_leaves=8,
).map(json.dumps)
parts = st.one_of(
    any_text,
    st.text("AQgw-_=", max_size=12),
    st.binary(max_size=100).map(b64),
    json_text.map(b64),
    st.sampled_from(GENUINE.split(".")),
)


@st.composite
def mutated(draw: st.DrawFn) -> str:
    at = draw(st.integers(0, len(GENUINE)))
    return GENUINE[:at] + draw(any_text) + GENUINE[at + draw(st.integers(0, 3)) :]


SIGNERS = [
    KeysetSigner(keyset, {}, grace_period=timedelta(0))
    for keyset in (fresh_keyset(), rotated_keyset(drops_at=NOW), revoked_keyset())
]


@settings(max_examples=500)
@given(token=any_text | st.lists(parts, min_size=2, max_size=4).map(".".join) | mutated())
def test_no_text_leads_to_anything_but_a_refusal(token: str) -> None:
    for signer in SIGNERS:
        try:
            signer.verify(signer.unpack(token), NOW)
        except (TokenMalformed, KeyUnknown, TokenForged):
            continue
        assert token == GENUINE


@given(payload=json_text | st.binary(max_size=200))
def test_no_payload_leads_to_anything_but_a_refusal_or_an_object(payload: str | bytes) -> None:
    try:
        unverified = SIGNER.unpack(FORGE.loaded(payload))
    except TokenRefused as refusal:
        assert type(refusal) is TokenMalformed  # noqa: PT017 - or it was no refusal
        return
    SIGNER.verify(unverified, NOW)
    json.dumps(unverified.unverified_claims, ensure_ascii=False, allow_nan=False).encode()
