"""Public keys of others, from JWKs (RFC 7517, RFC 7518 §6, RFC 8037)."""

from collections.abc import Iterator, Mapping

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey
from joserfc.util import urlsafe_b64decode

from token_server.accounts.clients.registered import VerificationKey
from token_server.accounts.clients.tables import Table

_SMALLEST_RSA_BITS, _LARGEST_RSA_BITS = 2048, 8192
_RSA = frozenset({"RS256", "RS384", "RS512", "PS256"})
_CURVES = {
    ("EC", "P-256"): frozenset({"ES256"}),
    ("OKP", "Ed25519"): frozenset({"EdDSA"}),
    ("OKP", "Ed448"): frozenset({"EdDSA"}),
}
# RFC 7518 §6.2.2, §6.3.2, §6.4.1
_PRIVATE = {"d", "p", "q", "dp", "dq", "qi", "oth", "k"}


def read_jwk(jwk: object) -> VerificationKey:
    """Raises: ValueError, with the rule."""
    if not isinstance(jwk, dict) or not all(isinstance(name, str) for name in jwk):
        raise ValueError("must be a JWK")
    if _PRIVATE & jwk.keys() or jwk.get("kty") == "oct":
        raise ValueError("must be a public key: it holds a private or symmetric member")
    if jwk.get("use", "sig") != "sig" or not _may_verify(jwk.get("key_ops", ["verify"])):
        raise ValueError("must be a key that verifies signatures: use or key_ops says otherwise")
    algorithms = _algorithms(jwk)
    try:
        key = _key(jwk)
    except (JoseError, ValueError, TypeError, KeyError, AttributeError):
        # What they say may quote the file.
        raise ValueError("must be a JWK: its numbers are no key") from None
    kid = jwk.get("kid", key.thumbprint())
    if not isinstance(kid, str) or not kid:
        raise ValueError("must have a kid that is text, or none")
    return VerificationKey(kid=kid, algorithms=algorithms, key=key)


def read_jwks(jwks: Table) -> tuple[VerificationKey, ...]:
    """All that are good; what is wrong with the others is noted."""
    found: dict[str, VerificationKey] = {}
    tables = jwks.tables("keys")
    for jwk, where in tables:
        try:
            key = read_jwk(jwk)
            if key.kid in found:
                raise ValueError("must have a kid of its own")  # noqa: TRY301 - noted as the others are
            found[key.kid] = key
        except ValueError as rule:
            jwks.fault(str(rule), *where[-2:])
    if jwks.is_empty or ("keys" in jwks and not tables):
        jwks.fault("must not be empty", "keys")
    jwks.refuse_the_rest()
    return tuple(found.values())


def public_keys_among(jwks: Mapping[str, object]) -> Iterator[VerificationKey]:
    """RFC 7517 §5: whatever cannot be used is passed over."""
    keys = jwks.get("keys")
    for jwk in keys if isinstance(keys, list) else ():
        try:
            yield read_jwk(jwk)
        except ValueError:
            continue


def _may_verify(key_ops: object) -> bool:
    return isinstance(key_ops, list) and "verify" in key_ops


def _algorithms(jwk: Mapping[str, object]) -> frozenset[str]:
    kind = (jwk.get("kty"), jwk.get("crv"))
    fitting = _RSA if kind[0] == "RSA" else frozenset()
    for curve, algorithms in _CURVES.items():
        if kind == curve:
            fitting = algorithms
    if not fitting:
        raise ValueError("must be an RSA key, or one on P-256, Ed25519 or Ed448")
    # RFC 9864 names the curve instead.
    named = jwk.get("alg")
    if kind[0] == "OKP" and named == kind[1]:
        named = "EdDSA"
    if named is not None and not (isinstance(named, str) and named in fitting):
        raise ValueError(f"must have an alg that fits it: {', '.join(sorted(fitting))}")
    return fitting if named is None else frozenset({named})


def _key(jwk: Mapping[str, str]) -> RSAKey | ECKey | OKPKey:
    """Of its numbers alone: nothing else in it has a say."""
    match jwk["kty"]:
        case "RSA":
            bits = int.from_bytes(urlsafe_b64decode(jwk["n"].encode("ascii")), "big").bit_length()
            # RFC 7518 §3.3
            if not _SMALLEST_RSA_BITS <= bits <= _LARGEST_RSA_BITS:
                raise ValueError("too small, or too large")
            return RSAKey.import_key({name: jwk[name] for name in ("kty", "n", "e")})
        case "EC":
            return ECKey.import_key({name: jwk[name] for name in ("kty", "crv", "x", "y")})
        case _:
            return OKPKey.import_key({name: jwk[name] for name in ("kty", "crv", "x")})
