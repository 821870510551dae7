"""Compact JWS (RFC 7515 §7.1), RS512 and nothing else: claims to token, token to claims."""

import json
from collections.abc import Mapping

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from token_server import strict_json
from token_server.signing import base64url, rs512
from token_server.tokens.model import TYPES_READ, Kid, TokenType, UnverifiedToken
from token_server.tokens.refusals import KeyUnknown, TokenForged, TokenMalformed

ALGORITHM = "RS512"
LONGEST_TOKEN = 8192

_write_header = json.JSONEncoder(separators=(",", ":")).encode


def header_of(kid: Kid, typ: TokenType = TokenType.JWT) -> str:
    """The first part of every token of this type that this key signs, dot excluded."""
    header = {"alg": ALGORITHM, "kid": kid, "typ": typ}
    return base64url.encode(_write_header(header).encode("ascii"))


def signing_input(header: str, claims: Mapping[str, object]) -> str:
    """Header and payload (RFC 7515 §5.1)."""
    return f"{header}.{base64url.encode(strict_json.write(claims))}"


def compact(signing_input: str, signature: bytes) -> str:
    return f"{signing_input}.{base64url.encode(signature)}"


def unpack(unverified_token: str, headers: Mapping[str, tuple[Kid, TokenType]]) -> UnverifiedToken:
    """Take apart a token whose header is exactly one of ours.

    Raises: TokenMalformed, KeyUnknown.
    """
    if len(unverified_token) > LONGEST_TOKEN or unverified_token.count(".") != 2:  # noqa: PLR2004 - header, payload, signature
        raise TokenMalformed
    header, payload, signature = unverified_token.split(".")
    try:
        # Every check on the header is this one: what is not ours byte for byte has another `alg`
        # or `typ`, an unknown `kid`, or a member that has no business there, such as `crit`,
        # `jwk`, `jku` or `x5c` (RFC 8725 §3.1, §3.10).
        if header not in headers:
            raise _header_refused(header)
        unverified_signature = base64url.decode(signature)
        unverified_claims = _json_object(payload)
    except ValueError:
        raise TokenMalformed from None
    kid, typ = headers[header]
    return UnverifiedToken(
        signed=f"{header}.{payload}",
        unverified_signature=unverified_signature,
        kid=kid,
        typ=typ,
        unverified_claims=unverified_claims,
    )


def verify(unverified: UnverifiedToken, key: RSAPublicKey) -> None:
    """Its header was compared with ours: so `alg` is RS512, by our constant and not by its word.

    Raises: TokenForged.
    """
    try:
        rs512.verify(unverified.unverified_signature, unverified.signed.encode(), key)
    except (InvalidSignature, ValueError):
        raise TokenForged from None


def _header_refused(header: str) -> TokenMalformed | KeyUnknown:
    """Tell a key that we do not know, or no longer, from a header that we never write."""
    kid = _json_object(header).get("kid")
    is_of_our_form = isinstance(kid, str) and header in [
        header_of(Kid(kid), typ) for typ in TYPES_READ
    ]
    return KeyUnknown() if is_of_our_form else TokenMalformed()


def _json_object(part: str) -> dict[str, object]:
    """Raises: ValueError."""
    return strict_json.read_object(base64url.decode(part))
