"""Which key signs and which may have signed, by the clock."""

from datetime import datetime, timedelta

import pytest
from support.keys import (
    NOW,
    fresh_keyset,
    private_keys,
    public_key,
    revoked_keyset,
    rotated_keyset,
)
from support.signing import signed_now

from token_server.signing.lifecycle import Keyset
from token_server.signing.signer import KeysetSigner
from token_server.tokens.model import TYPES_READ, Kid, TokenType
from token_server.tokens.ports import Signer
from token_server.tokens.refusals import KeyUnknown, TokenMalformed

GRACE = timedelta(seconds=60)
ROTATION = NOW + timedelta(days=1)
DROP = ROTATION + timedelta(days=14)
TICK = timedelta(microseconds=1)
CLAIMS = {"aud": "access"}


def signer_of(keyset: Keyset, *numbers: int) -> Signer:
    return KeysetSigner(keyset, private_keys(*numbers), grace_period=GRACE)


def signed_by(signer: Signer, number: int, now: datetime) -> Kid:
    token = signed_now(signer, CLAIMS, kid=public_key(number).kid, now=now)
    unverified = signer.unpack(token)
    signer.verify(unverified, now)
    return unverified.kid


def test_the_active_key_signs() -> None:
    signer = signer_of(rotated_keyset(), 0, 1, 2)
    assert signer.signing_kid(ROTATION - TICK) == public_key(0).kid
    assert signer.signing_kid(ROTATION) == public_key(1).kid


def test_a_pending_key_signs_nothing() -> None:
    assert signed_by(signer_of(fresh_keyset(), 0, 1), 1, NOW) == public_key(0).kid


def test_a_repeat_is_signed_by_the_key_of_its_record_inside_the_grace_period() -> None:
    """The same bytes across a rotation; after the grace period, the active key."""
    signer = signer_of(rotated_keyset(), 0, 1, 2)
    kid = public_key(0).kid
    before = signed_now(signer, CLAIMS, kid=kid, now=NOW)
    assert signed_now(signer, CLAIMS, kid=kid, now=ROTATION + GRACE - TICK) == before
    assert signed_by(signer, 0, ROTATION + GRACE) == public_key(1).kid


def test_a_retiring_key_whose_private_half_is_gone_signs_nothing() -> None:
    assert signed_by(signer_of(rotated_keyset(), 1, 2), 0, ROTATION) == public_key(1).kid


def test_a_key_that_nobody_remembers_or_that_was_revoked_signs_nothing() -> None:
    signer = signer_of(revoked_keyset(), 0, 1, 2)
    assert signed_by(signer, 9, ROTATION) == public_key(1).kid
    assert signed_by(signer, 0, ROTATION) == public_key(1).kid


def test_tokens_of_a_retiring_key_are_good_until_it_is_dropped() -> None:
    signer = signer_of(rotated_keyset(drops_at=DROP), 0, 1, 2)
    unverified = signer.unpack(signed_now(signer, CLAIMS, kid=public_key(0).kid, now=NOW))
    signer.verify(unverified, DROP - TICK)
    with pytest.raises(KeyUnknown):
        signer.verify(unverified, DROP)


def test_tokens_of_a_revoked_key_are_refused_on_any_clock() -> None:
    token = signed_now(signer_of(fresh_keyset(), 0, 1), CLAIMS, kid=public_key(0).kid, now=NOW)
    signer = signer_of(revoked_keyset(), 1, 2)
    for now in (NOW, ROTATION):
        with pytest.raises(KeyUnknown):
            signer.verify(signer.unpack(token), now)


@pytest.mark.parametrize("typ", TYPES_READ)
def test_each_type_of_token_is_read_as_what_it_was_signed_as(typ: TokenType) -> None:
    signer = signer_of(fresh_keyset(), 0, 1)
    unverified = signer.unpack(signed_now(signer, CLAIMS, kid=public_key(0).kid, now=NOW, typ=typ))
    signer.verify(unverified, NOW)
    assert (unverified.kid, unverified.typ) == (public_key(0).kid, typ)


def test_an_answer_about_a_token_is_read_as_none() -> None:
    """RFC 9701 §8.1: whoever is handed one cannot pass it on as an access token."""
    signer = signer_of(fresh_keyset(), 0, 1)
    told = signed_now(signer, CLAIMS, kid=public_key(0).kid, now=NOW, typ=TokenType.INTROSPECTION)
    with pytest.raises(TokenMalformed):
        signer.unpack(told)


def test_a_private_key_shows_in_no_repr() -> None:
    signer = signer_of(fresh_keyset(), 0, 1)
    assert "RSAPrivateKey" not in repr(vars(signer))
