"""Claims as they are read: every type, range and moment checked, one kind never the other."""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta

from token_server.tokens.claims import is_subject
from token_server.tokens.identity import TokenIds
from token_server.tokens.model import (
    LEEWAY,
    AccessToken,
    ClientId,
    RefreshToken,
    SessionId,
    Subject,
    TokenId,
    TokenType,
    UnverifiedToken,
)
from token_server.tokens.moments import from_seconds, to_seconds
from token_server.tokens.refusals import (
    ClockBehind,
    TokenExpired,
    TokenForged,
    TokenMalformed,
    TokenMisplaced,
    TokenNotYetValid,
)
from token_server.tokens.terms import ACCESS, REFRESH

MOST_ACTORS = 8
MOST_ORIGINS = 16
# The year 9999: whatever lies beyond is no moment that we could have written.
_LAST_SECOND = 253_402_300_799
# The store keeps a generation, and the one after it, in 31 bits.
_LAST_GENERATION = 2**31 - 2
_LEEWAY_SECONDS = LEEWAY // timedelta(seconds=1)
_REFRESH_TOKENS = (TokenType.JWT, TokenType.RT_JWT)
_ACCESS_TOKENS = (TokenType.JWT, TokenType.AT_JWT)
_SID = re.compile(r"[A-Za-z0-9_-]{22}", re.ASCII)
_TOKEN_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)

Claims = Mapping[str, object]


def is_refresh_token(unverified: UnverifiedToken) -> bool:
    """Whether that is what it says it is."""
    return unverified.typ in _REFRESH_TOKENS and unverified.unverified_claims.get("aud") == REFRESH


def claimed_sid(unverified: UnverifiedToken) -> SessionId | None:
    """Its session, if it is telling the truth."""
    try:
        return _sid(unverified.unverified_claims)
    except TokenMalformed:
        return None


def read_refresh_token(
    unverified: UnverifiedToken, *, ids: TokenIds, now: datetime | None
) -> RefreshToken:
    """Check everything about a refresh token that needs neither its signature nor the store.

    If `now` is None, its times may say anything: it is to be revoked.

    Raises: TokenMisplaced, TokenMalformed, TokenForged, TokenExpired, ClockBehind.
    """
    unverified_claims = unverified.unverified_claims
    if not is_refresh_token(unverified):
        _audience(unverified_claims)
        raise TokenMisplaced
    if unverified_claims.get("short_term_expiration") not in ("True", "False"):
        raise TokenMalformed
    token = RefreshToken(
        subject=_subject(unverified_claims, "unique_name"),
        sid=_sid(unverified_claims),
        generation=_whole_number(unverified_claims, "generation", _LAST_GENERATION),
        token_id=TokenId(_text(unverified_claims, "token_id")),
        short_term=unverified_claims["short_term_expiration"] == "True",
        typ=unverified.typ,
    )
    if not ids.is_refresh_token(token.token_id, token.sid, token.generation):
        raise TokenForged
    try:
        _check_moments(unverified_claims, now, ("nbf", "iat"))
    except TokenNotYetValid:
        # Only we can have made its token_id, so it is our clock that is wrong.
        raise ClockBehind().about(sid=token.sid, sub=token.subject) from None
    return token


def read_access_token(
    unverified: UnverifiedToken, *, issuer: str, now: datetime | None
) -> AccessToken:
    """Check everything about an access token that needs neither its signature nor the store.

    Of whichever shape we issue, and of no other. If `now` is None, its times may say anything: it
    is to be revoked, or to end its session.

    Raises: TokenMisplaced, TokenMalformed, TokenExpired, TokenNotYetValid.
    """
    unverified_claims = unverified.unverified_claims
    if unverified.typ not in _ACCESS_TOKENS:
        raise TokenMisplaced
    audience = _audience(unverified_claims)
    if REFRESH in audience or unverified_claims.get("iss") != issuer:
        raise TokenMisplaced
    token = AccessToken(
        typ=unverified.typ,
        subject=_sub(unverified_claims),
        sid=_sid(unverified_claims) if "sid" in unverified_claims else None,
        token_id=_token_id(unverified_claims),
        audience=audience,
        client_id=_client_id(unverified_claims),
        scope=_text(unverified_claims, "scope") if "scope" in unverified_claims else None,
        actors=_actors(unverified_claims),
        origins=_origins(unverified_claims),
        issued_at=from_seconds(_whole_number(unverified_claims, "iat", _LAST_SECOND)),
        expires_at=from_seconds(_whole_number(unverified_claims, "exp", _LAST_SECOND)),
    )
    _check_shape(token)
    is_at_jwt = token.typ is TokenType.AT_JWT
    _check_moments(unverified_claims, now, ("iat",) if is_at_jwt else ("nbf", "iat"))
    return token


def _check_shape(token: AccessToken) -> None:
    """Without a client there is one shape, the documented one."""
    if token.client_id is None and (
        token.typ is not TokenType.JWT or token.audience != (ACCESS,) or token.sid is None
    ):
        raise TokenMisplaced


def _check_moments(claims: Claims, now: datetime | None, begins: tuple[str, ...]) -> None:
    begins_at = max([_whole_number(claims, name, _LAST_SECOND) for name in begins])
    expires_at = _whole_number(claims, "exp", _LAST_SECOND)
    if now is None:
        return
    seconds = to_seconds(now)
    # No leeway here: we told the client this moment, and the clock that set it is ours.
    if seconds >= expires_at:
        raise TokenExpired
    if begins_at > seconds + _LEEWAY_SECONDS:
        raise TokenNotYetValid


def _audience(claims: Claims) -> tuple[str, ...]:
    aud = claims.get("aud")
    if isinstance(aud, str):
        return (aud,)
    several = aud if isinstance(aud, list) else []
    strings = tuple(one for one in several if isinstance(one, str))
    # What is for one alone is written as a string.
    if len(strings) < max(2, len(several)):
        raise TokenMalformed
    return strings


def _sub(claims: Claims) -> Subject:
    # A client's own token names the client, whose id may begin or end with a space.
    own = claims.get("sub") == claims.get("client_id")
    return Subject(_text(claims, "sub")) if own else _subject(claims, "sub")


def _client_id(claims: Claims) -> ClientId | None:
    return ClientId(_text(claims, "client_id")) if "client_id" in claims else None


def _actors(claims: Claims) -> tuple[str, ...]:
    actors: list[str] = []
    act = claims.get("act")
    while act is not None:
        if not isinstance(act, dict) or len(actors) == MOST_ACTORS:
            raise TokenMalformed
        actors.append(_subject(act, "sub"))
        act = act.get("act")
    return tuple(actors)


def _origins(claims: Claims) -> tuple[TokenId, ...]:
    ids = claims.get("origins", [])
    if not isinstance(ids, list) or len(ids) > MOST_ORIGINS:
        raise TokenMalformed
    return tuple(map(_as_token_id, ids))


def _token_id(claims: Claims) -> TokenId:
    return _as_token_id(claims.get("jti"))


def _as_token_id(value: object) -> TokenId:
    if not isinstance(value, str) or not _TOKEN_ID.fullmatch(value):
        raise TokenMalformed
    return TokenId(value)


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
