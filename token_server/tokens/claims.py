"""Claims as they are written: the documented ones in the documented order, ours after them.

A strict reader of the documented ones must not notice ours.
"""

from collections.abc import Mapping

from token_server.tokens.clients import Client
from token_server.tokens.identity import TokenIds
from token_server.tokens.model import AccessToken, Session, TokenType
from token_server.tokens.moments import to_micros, to_seconds
from token_server.tokens.terms import REFRESH, Terms

LONGEST_SUBJECT = 255
_JOINERS = dict.fromkeys((0x200C, 0x200D))


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


def refresh_token_type(client: Client | None) -> TokenType:
    """Return the `typ` of a new session's refresh tokens; without a client, the documented one."""
    return TokenType.RT_JWT if client else TokenType.JWT


def session_access_token(session: Session, ids: TokenIds, terms: Terms) -> AccessToken:
    """The session's current access token on these terms: the same whenever it is asked for."""
    variation = terms.variation
    if session.reusable:
        # Its generation never changes, but each of its access tokens is another one.
        variation = f"{to_micros(session.issued_at)}{variation}"
    return AccessToken(
        typ=terms.typ,
        subject=session.subject,
        sid=session.sid,
        token_id=ids.of_access_token(session.sid, session.generation, variation=variation),
        audience=terms.audience,
        client_id=terms.client_id,
        scope=terms.scope,
        issued_at=session.issued_at,
        expires_at=session.access_token_expires_at,
    )


def access_claims(
    token: AccessToken, *, issuer: str, about: Mapping[str, object]
) -> dict[str, object]:
    """The payload of an access token; what else is said about its subject replaces nothing."""
    write = _of_rfc_9068 if token.typ is TokenType.AT_JWT else _as_documented
    claims = write(token, issuer)
    if token.actors:
        claims["act"] = _act(token)
    if token.origins:
        claims["origins"] = list(token.origins)
    # Ours twice: once for the order, once to win.
    return {**claims, **about, **claims} if about else claims


def is_subject(text: str) -> bool:
    """Whether this can be a subject: printable, 1 to 255 characters, no space at either end.

    U+200C and U+200D are allowed, because words of some scripts need them (RFC 5892, CONTEXTJ).
    """
    if not 0 < len(text) <= LONGEST_SUBJECT or text != text.strip():
        return False
    return text.isprintable() or (
        (visible := text.translate(_JOINERS)) != text and (bool(visible) and visible.isprintable())
    )


def _as_documented(token: AccessToken, issuer: str) -> dict[str, object]:
    issued_at = to_seconds(token.issued_at)
    claims: dict[str, object] = {
        "unique_name": token.subject,
        "nbf": issued_at,
        "exp": to_seconds(token.expires_at),
        "iat": issued_at,
        "aud": _aud(token),
        "iss": issuer,
        "sub": token.subject,
        "jti": token.token_id,
    }
    if token.sid is not None:
        claims["sid"] = token.sid
    if token.client_id is not None:
        claims["client_id"] = token.client_id
    if token.scope is not None:
        claims["scope"] = token.scope
    return claims


def _of_rfc_9068(token: AccessToken, issuer: str) -> dict[str, object]:
    claims: dict[str, object] = {
        "iss": issuer,
        "exp": to_seconds(token.expires_at),
        "aud": _aud(token),
        "sub": token.subject,
        "client_id": token.client_id,
        "iat": to_seconds(token.issued_at),
        "jti": token.token_id,
    }
    if token.scope is not None:
        claims["scope"] = token.scope
    if token.sid is not None:
        claims["sid"] = token.sid
    return claims


def _aud(token: AccessToken) -> str | list[str]:
    return token.audience[0] if len(token.audience) == 1 else list(token.audience)


def _act(token: AccessToken) -> Mapping[str, object] | None:
    act: dict[str, object] | None = None
    for subject in reversed(token.actors):
        act = {"sub": subject} | ({"act": act} if act else {})
    return act
