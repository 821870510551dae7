"""A key that was made elsewhere, read from a JWK (RFC 7517 §4, RFC 7518 §6.3)."""

import base64
import json
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import (
    RSAPrivateNumbers,
    RSAPublicNumbers,
    rsa_crt_dmp1,
    rsa_crt_dmq1,
    rsa_crt_iqmp,
    rsa_recover_prime_factors,
)

from token_server.problems import Problem
from token_server.signing.foreign_key import ForeignKey, not_rsa
from token_server.signing.jws import ALGORITHM
from token_server.signing.rsa_keys import number

HINT = "a JWK of an RSA key has kty, n and e, and d if it is to sign"


def read_jwk(data: bytes) -> ForeignKey:
    """Read a JWK, or a JWK Set of one key. Raises: Problem."""
    try:
        jwk = _only_key(json.loads(data))
        if jwk["kty"] != "RSA":
            raise not_rsa()
        _check_use(jwk)
        public = RSAPublicNumbers(number(jwk["e"]), number(jwk["n"]))
        return ForeignKey(
            public=public.public_key(),
            private=_private_numbers(jwk, public).private_key() if "d" in jwk else None,
            certificates=tuple(
                x509.load_der_x509_certificate(base64.b64decode(text, validate=True))
                for text in jwk.get("x5c", [])
            ),
            kid=jwk.get("kid"),
        )
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        # What they say may quote the file.
        raise Problem("the file is no JWK of an RSA key that can be read", hint=HINT) from None


def _only_key(document: Any) -> dict[str, Any]:  # noqa: ANN401 - whatever the JSON is
    keys: list[dict[str, Any]] = document.get("keys", [document])
    if len(keys) != 1:
        raise Problem(f"the JWK Set holds {len(keys)} keys", hint="give it one at a time")
    return keys[0]


def _check_use(jwk: dict[str, Any]) -> None:
    """RFC 7517 §4.2 to §4.4: `use`, `key_ops` and `alg` must allow what the key is for."""
    operation = "sign" if "d" in jwk else "verify"
    found = {
        "alg": jwk.get("alg", ALGORITHM) == ALGORITHM,
        "use": jwk.get("use", "sig") == "sig",
        "key_ops": operation in list(jwk.get("key_ops", [operation])),
    }
    for member, is_allowed in found.items():
        if not is_allowed:
            raise Problem(
                f'the key is for another use, according to its "{member}"',
                hint=f"tokens are signed with {ALGORITHM}: give a key with the use sig, "
                f"the key_ops {operation}, or without these members",
            )


def _private_numbers(jwk: dict[str, Any], public: RSAPublicNumbers) -> RSAPrivateNumbers:
    d = number(jwk["d"])
    if "p" in jwk and "q" in jwk:
        p, q = number(jwk["p"]), number(jwk["q"])
    else:
        p, q = rsa_recover_prime_factors(public.n, public.e, d)
    return RSAPrivateNumbers(
        p, q, d, rsa_crt_dmp1(d, p), rsa_crt_dmq1(d, q), rsa_crt_iqmp(p, q), public
    )
