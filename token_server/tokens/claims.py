"""Claims of both kinds of token: written in the documented order, read with every type checked.

The documented members come first, ours after them; a strict reader of the documented ones must
not notice.
"""

import re
from collections.abc import Mapping
from datetime import datetime

from token_server.tokens.identity import TokenIds
from token_server.tokens.model import (
    LEEWAY,
    AccessToken,
    RefreshToken,
    Session,
    SessionId,
    Subject,
    TokenId,
)
from token_server.tokens.moments import to_seconds
from token_server.tokens.refusals import (
    ClockBehind,
    TokenExpired,
    TokenForged,
    TokenMalformed,
    TokenMisplaced,
    TokenNotYetValid,
)

REFRESH, ACCESS = "refresh", "access"
LONGEST_SUBJECT = 255
# The year 9999: whatever lies beyond is no moment that we could have written.
_LAST_SECOND = 253_402_300_799
# Lua's numbers are doubles: above this, two generations would compare as equal.
_LAST_GENERATION = 2**53 - 1
_SID = re.compile(r"[A-Za-z0-9_-]{22}", re.ASCII)

Claims = Mapping[str, object]


def refresh_claims(session: Session, ids: TokenIds) -> dict[str, object]:
    """The payload of the session's current refresh token."""
    issued_at = to_seconds(session.issued_at)
    return {
        "unique_name": session.subject,
        "token_id": ids.of_refresh_token(session.sid, session.generation),
        "short_term_expiration": str(session.short_term),
        "nbf": issued_at,
        "exp": to_seconds(session.refresh_token_expires_at),
        "iat": issued_at,
        "aud": REFRESH,
        "sid": session.sid,
        "generation": session.generation,
    }


def access_claims(session: Session, ids: TokenIds, *, issuer: str) -> dict[str, object]:
    """The payload of the session's current access token."""
    issued_at = to_seconds(session.issued_at)
    return {
        "unique_name": session.subject,
        "nbf": issued_at,
        "exp": to_seconds(session.access_token_expires_at),
        "iat": issued_at,
        "aud": ACCESS,
        "iss": issuer,
        "sub": session.subject,
        "jti": ids.of_access_token(session.sid, session.generation),
        "sid": session.sid,
    }


def read_refresh_token(unverified_claims: Claims, *, ids: TokenIds, now: datetime) -> RefreshToken:
    """Check everything about a refresh token that needs neither its signature nor the store.

    Raises: TokenMisplaced, TokenMalformed, TokenForged, TokenExpired, ClockBehind.
    """
    _check_audience(unverified_claims, REFRESH)
    if unverified_claims.get("short_term_expiration") not in ("True", "False"):
        raise TokenMalformed
    token = RefreshToken(
        subject=_subject(unverified_claims, "unique_name"),
        sid=_sid(unverified_claims),
        generation=_whole_number(unverified_claims, "generation", _LAST_GENERATION),
        token_id=TokenId(_text(unverified_claims, "token_id")),
        short_term=unverified_claims["short_term_expiration"] == "True",
    )
    if not ids.is_refresh_token(token.token_id, token.sid, token.generation):
        raise TokenForged
    try:
        _check_moments(unverified_claims, now)
    except TokenNotYetValid:
        # Only we can have made its token_id, so it is our clock that is wrong.
        raise ClockBehind().about(sid=token.sid, sub=token.subject) from None
    return token


def read_access_token(unverified_claims: Claims, *, issuer: str, now: datetime) -> AccessToken:
    """Check everything about an access token that needs neither its signature nor the store.

    Raises: TokenMisplaced, TokenMalformed, TokenExpired, TokenNotYetValid.
    """
    _check_audience(unverified_claims, ACCESS)
    if unverified_claims.get("iss") != issuer:
        raise TokenMisplaced
    token = AccessToken(
        subject=_subject(unverified_claims, "sub"),
        sid=_sid(unverified_claims),
        token_id=TokenId(_text(unverified_claims, "jti")),
    )
    _check_moments(unverified_claims, now)
    return token


def is_subject(text: str) -> bool:
    """Whether this can be a subject: printable, 1 to 255 characters, no space at either end."""
    return 0 < len(text) <= LONGEST_SUBJECT and text.isprintable() and text == text.strip()


def _check_audience(claims: Claims, expected: str) -> None:
    # RFC 8725 §3.12: `aud` is what tells our two kinds of token apart.
    audience = claims.get("aud")
    if not isinstance(audience, str):
        raise TokenMalformed
    if audience != expected:
        raise TokenMisplaced


def _check_moments(claims: Claims, now: datetime) -> None:
    not_before, issued_at, expires_at = (
        _whole_number(claims, name, _LAST_SECOND) for name in ("nbf", "iat", "exp")
    )
    # No leeway here: we told the client this moment, and the clock that set it is ours.
    if to_seconds(now) >= expires_at:
        raise TokenExpired
    if max(not_before, issued_at) > to_seconds(now + LEEWAY):
        raise TokenNotYetValid


def _subject(claims: Claims, name: str) -> Subject:
    text = _text(claims, name)
    if not is_subject(text):
        raise TokenMalformed
    return Subject(text)


def _sid(claims: Claims) -> SessionId:
    text = _text(claims, "sid")
    if not _SID.fullmatch(text):
        raise TokenMalformed
    return SessionId(text)


def _text(claims: Claims, name: str) -> str:
    value = claims.get(name)
    if not isinstance(value, str):
        raise TokenMalformed
    return value


def _whole_number(claims: Claims, name: str, largest: int) -> int:
    value = claims.get(name)
    # `True` is an int to Python, and 1586255379.0 would compare as equal.
    if type(value) is not int or not 0 <= value <= largest:
        raise TokenMalformed
    return value
