"""Certificates of a key: in their order, and under the names that verifiers look for."""

import base64
import hashlib
import json
from dataclasses import replace
from datetime import timedelta
from itertools import permutations

import pytest
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from joserfc.jwk import RSAKey
from support.certificates import as_der, certificate, of_an_unknown_kind
from support.keys import NOW, fresh_keyset, public_key

from token_server.signing import base64url, certificates
from token_server.signing.jwks import PublicJwkSet
from token_server.signing.lifecycle import Keyset

HOUR = timedelta(hours=1)


def text(number: int, *, by: int) -> str:
    return base64.b64encode(as_der(certificate(number, by=by))).decode()


def test_the_keys_own_certificate_comes_first_then_those_that_vouch_for_it() -> None:
    """RFC 7517 §4.7; a file may have them in any order, and others too."""
    own, middle, root = certificate(0, by=1), certificate(1, by=2), certificate(2)
    expected = tuple(base64.b64encode(as_der(one)).decode() for one in (own, middle, root))
    for order in permutations([own, middle, root, certificate(3)]):
        assert certificates.chain_of(public_key(0), order) == expected


def test_without_certificates_there_is_no_chain() -> None:
    assert certificates.chain_of(public_key(0), []) == ()


def test_a_chain_that_is_none_of_the_keys_is_refused() -> None:
    with pytest.raises(ValueError, match="that of the key"):
        certificates.chain_of(public_key(0), [certificate(1)])


def test_one_whose_key_cannot_be_read_is_none_of_the_keys() -> None:
    with pytest.raises(ValueError, match="no certificate"):
        certificates.chain_of(public_key(0), [of_an_unknown_kind(certificate(0))])


def test_the_jwk_set_shows_them_and_their_thumbprints() -> None:
    """RFC 7517 §4.7-4.9; joserfc reads them, and the ETag tells of them."""
    own = certificate(0)
    fresh = fresh_keyset()
    certified = replace(
        fresh.keys[0],
        public=replace(public_key(0), x5c=certificates.chain_of(public_key(0), [own])),
    )
    keyset = Keyset(keys=(certified, fresh.keys[1]))
    served = PublicJwkSet(keyset, propagation_period=HOUR).document(NOW)
    jwk, other = json.loads(served.body)["keys"]
    assert jwk["x5c"] == [base64.b64encode(as_der(own)).decode()]
    assert base64url.decode(jwk["x5t"]) == own.fingerprint(SHA1())  # noqa: S303 - RFC 7517 §4.8
    assert base64url.decode(jwk["x5t#S256"]) == own.fingerprint(SHA256())
    assert RSAKey.import_key(jwk).as_dict(private=False)["x5c"] == jwk["x5c"]
    assert set(other) == {"kty", "use", "alg", "kid", "n", "e"}
    assert served.etag != PublicJwkSet(fresh, propagation_period=HOUR).document(NOW).etag


def test_a_key_may_go_by_its_certificate() -> None:
    x5c = certificates.chain_of(public_key(0), [certificate(0)])
    digest = hashlib.sha1(base64.b64decode(x5c[0]), usedforsecurity=False).hexdigest()
    assert certificates.kid_of(x5c) == digest.upper()


def test_a_certificate_is_valid_from_its_begin_to_its_end() -> None:
    until = NOW.replace(microsecond=0)
    x5c = certificates.chain_of(public_key(0), [certificate(0, until=until)])
    assert certificates.is_valid(x5c, until - timedelta(microseconds=1))
    assert not certificates.is_valid(x5c, until)
    assert not certificates.is_valid(x5c, until - timedelta(days=7301))
