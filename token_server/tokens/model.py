"""The values that every room shares; frozen, and valid once made.

A refresh makes nine of them: as structs they are made in C (docs/decisions/0018).
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NewType

from msgspec import Struct

Subject = NewType("Subject", str)
SessionId = NewType("SessionId", str)
TokenId = NewType("TokenId", str)
Kid = NewType("Kid", str)
ClientId = NewType("ClientId", str)
Attempt = NewType("Attempt", str)

LEEWAY = timedelta(seconds=30)
"""Clock skew allowed when reading `nbf` and `iat`; what the store keeps outlives `exp` by it."""


class Undisclosed(Struct, frozen=True):
    """What no log may show: of itself it tells its name alone, to rich's tracebacks too."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"

    def __rich_repr__(self) -> list[tuple[str, object]]:
        return []


class Policy(Struct, frozen=True, kw_only=True):
    """How long things live, and how long a spent token still answers."""

    access_token_lifetime: timedelta
    refresh_token_lifetime: timedelta
    short_term_refresh_token_lifetime: timedelta
    session_lifetime: timedelta | None
    """Absolute cap on a session; None: it slides for as long as it is used."""
    grace_period: timedelta
    recovery_period: timedelta | None
    """None: as long as the refresh token lives."""

    def longest_lifetime(self, *, short_term: bool) -> timedelta:
        """Of the tokens of one pair."""
        refresh = self.refresh_token_lifetime
        if short_term:
            refresh = self.short_term_refresh_token_lifetime
        return max(self.access_token_lifetime, refresh)


class Session(Struct, frozen=True, kw_only=True):
    """One login, as the store remembers it (docs/architecture.md).

    `generation` is that of the current refresh token, `base` that of the token that was shown
    to get it. The three moments and `kid` are those of the current pair.
    """

    sid: SessionId
    subject: Subject
    generation: int
    base: int
    short_term: bool
    began_at: datetime
    issued_at: datetime
    access_token_expires_at: datetime
    refresh_token_expires_at: datetime
    kid: Kid
    client_id: ClientId | None = None
    """Whose it is; None: anybody's who holds its token."""
    reusable: bool = False
    """Whether a refresh hands back the refresh token that was shown."""
    scope: str | None = None
    """The most that its access tokens may say."""
    confidential: bool = False
    """Whether its client authenticated when it began (RFC 6749 §2.1)."""


class NewSession(Struct, frozen=True, kw_only=True):
    """What is known of a session before the store has begun it."""

    sid: SessionId
    subject: Subject
    short_term: bool
    kid: Kid
    began_at: datetime
    client_id: ClientId | None = None
    reusable: bool = False
    scope: str | None = None
    confidential: bool = False


class EndReason(StrEnum):
    """Why a session ended."""

    LOGOUT = "logout"
    OPERATOR = "operator"
    REVOKED = "revoked"
    """By its client, which showed one of its refresh tokens (RFC 7009)."""
    REUSE = "reuse"
    ALL_ENDED = "all_ended"
    """All sessions of its subject were ended at once."""
    LIFETIME = "lifetime"
    """It reached the absolute cap."""


class TokenPair(Undisclosed, frozen=True, kw_only=True):
    """What a client is handed."""

    access_token: str
    refresh_token: str
    session: Session
    scope: str | None = None
    """Of the access token, parted by one space; None: it has none."""


class IssuedAccessToken(Undisclosed, frozen=True, kw_only=True):
    """An access token that comes alone."""

    access_token: str
    issued_at: datetime
    expires_at: datetime
    scope: str | None


class TokenType(StrEnum):
    """The header's `typ`."""

    JWT = "JWT"
    AT_JWT = "at+jwt"
    """An access token of RFC 9068."""
    RT_JWT = "rt+jwt"
    """A refresh token of a registered client's session. No standard has a name for one.

    A verifier that checks `typ`, and neither `aud` nor `iss`, refuses it (RFC 8725 §3.11).
    """
    INTROSPECTION = "token-introspection+jwt"
    """RFC 9701: an answer about a token, and never itself read as one."""


TYPES_READ = (TokenType.JWT, TokenType.AT_JWT, TokenType.RT_JWT)


class Unsigned(Undisclosed, frozen=True):
    """What a token will say."""

    claims: Mapping[str, object]
    typ: TokenType = TokenType.JWT


class UnverifiedToken(Undisclosed, frozen=True, kw_only=True):
    """A compact JWS taken apart; its signature was not looked at."""

    signed: str
    """What the signature is over: header and payload."""
    unverified_signature: bytes
    kid: Kid
    typ: TokenType
    unverified_claims: dict[str, object]


class RefreshToken(Struct, frozen=True, kw_only=True):
    """The claims of a refresh token that decide something."""

    subject: Subject
    sid: SessionId
    generation: int
    token_id: TokenId
    short_term: bool
    typ: TokenType = TokenType.JWT


class AccessToken(Struct, frozen=True, kw_only=True):
    """What an access token says, whichever shape it has."""

    typ: TokenType
    subject: Subject
    sid: SessionId | None
    """None: it belongs to no session, as a client's own."""
    token_id: TokenId
    """Its `jti`."""
    audience: tuple[str, ...]
    client_id: ClientId | None
    scope: str | None
    actors: tuple[str, ...] = ()
    """Who acts for the subject, and for whom those acted before (RFC 8693 §4.1)."""
    origins: tuple[TokenId, ...] = ()
    """The tokens that it was exchanged from, oldest first: it is revoked with each of them."""
    issued_at: datetime
    expires_at: datetime


class Account(Undisclosed, frozen=True, kw_only=True):
    """A subject's login record; `password_hash` is an argon2id string."""

    name: Subject
    password_hash: str
    disabled: bool
    profile: str
    """The public document, as JSON text."""
    created_at: datetime
    updated_at: datetime
    password_updated_at: datetime
