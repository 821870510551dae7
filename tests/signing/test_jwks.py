"""The JWK Set: what it holds, when it changes, how long it may be cached."""

import json
from datetime import datetime, timedelta

import jwt as pyjwt
import pytest
from joserfc import jwt
from joserfc.jwk import KeySet
from support.keys import (
    NOW,
    fresh_keyset,
    private_keys,
    public_key,
    revoked_keyset,
    rotated_keyset,
)
from support.signing import signed_now

from token_server.signing.jwks import PublicJwkSet
from token_server.signing.lifecycle import Keyset
from token_server.signing.signer import KeysetSigner
from token_server.tokens.ports import JwkSet

HOUR = timedelta(hours=1)
TICK = timedelta(microseconds=1)
ROTATION = NOW + timedelta(days=1)
DROP = ROTATION + timedelta(days=14)


def served(keyset: Keyset) -> JwkSet:
    return PublicJwkSet(keyset, propagation_period=HOUR)


def kids(jwk_set: JwkSet, now: datetime) -> list[str]:
    return [key["kid"] for key in json.loads(jwk_set.document(now).body)["keys"]]


def test_it_holds_these_members_and_no_private_one() -> None:
    document = json.loads(served(fresh_keyset()).document(NOW).body)
    members = [
        {"kty": "RSA", "use": "sig", "alg": "RS512", "kid": key.kid, "n": key.n, "e": "AQAB"}
        for key in (public_key(0), public_key(1))
    ]
    assert document == {"keys": members}
    assert [list(key) for key in document["keys"]] == [list(members[0])] * 2


def test_it_follows_the_recorded_moments() -> None:
    jwk_set = served(rotated_keyset(drops_at=DROP))
    first, second, third = (public_key(number).kid for number in range(3))
    assert kids(jwk_set, NOW) == [first, second, third]
    assert kids(jwk_set, DROP - TICK) == [first, second, third]
    assert kids(jwk_set, DROP) == [second, third]
    assert kids(jwk_set, DROP - TICK) == [first, second, third], "a clock may step back"
    assert kids(served(revoked_keyset()), NOW) == [second, third]


def test_the_etag_is_strong_and_changes_with_the_set_alone() -> None:
    jwk_set = served(rotated_keyset(drops_at=DROP))
    before, after = jwk_set.document(NOW), jwk_set.document(DROP)
    assert before.etag.startswith('"')
    assert before.etag.endswith('"')
    assert before.etag != after.etag
    # Who signs changes, what is published does not.
    assert jwk_set.document(ROTATION) == before
    assert served(rotated_keyset(drops_at=DROP)).document(NOW) == before, "on every server alike"


def test_the_body_is_built_once_per_change() -> None:
    jwk_set = served(rotated_keyset(drops_at=DROP))
    assert jwk_set.document(NOW).body is jwk_set.document(ROTATION - TICK).body


@pytest.mark.parametrize(
    ("now", "max_age"),
    [
        (NOW, HOUR / 2),
        (ROTATION - HOUR / 2, HOUR / 2),
        (ROTATION - HOUR / 4, HOUR / 4),
        (ROTATION - TICK, TICK),
        (ROTATION, HOUR / 2),
        (DROP - timedelta(seconds=1), timedelta(seconds=1)),
        (DROP, HOUR / 2),
    ],
)
def test_it_is_cached_for_half_the_propagation_period_and_never_beyond_a_change(
    now: datetime, max_age: timedelta
) -> None:
    assert served(rotated_keyset(drops_at=DROP)).max_age(now) == max_age


def test_without_a_propagation_period_nothing_is_cached() -> None:
    jwk_set = PublicJwkSet(fresh_keyset(), propagation_period=timedelta(0))
    assert jwk_set.max_age(NOW) == timedelta(0)


def test_joserfc_and_pyjwt_verify_our_tokens_with_it() -> None:
    body = json.loads(served(fresh_keyset()).document(NOW).body)
    signer = KeysetSigner(fresh_keyset(), private_keys(0, 1), grace_period=HOUR)
    claims = {"aud": "access", "unique_name": "Åsa"}
    token = signed_now(signer, claims, kid=signer.signing_kid(NOW), now=NOW)
    assert jwt.decode(token, KeySet.import_key_set(body), algorithms=["RS512"]).claims == claims
    key = pyjwt.PyJWKSet.from_dict(body)[pyjwt.get_unverified_header(token)["kid"]]
    assert pyjwt.decode(token, key, algorithms=["RS512"], audience="access") == claims
