"""Claims of every kind, and the reading of them as a server does it."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from msgspec import structs

from token_server.tokens.claims import (
    access_claims,
    refresh_claims,
    session_access_token,
)
from token_server.tokens.identity import TokenIds
from token_server.tokens.model import (
    AccessToken,
    ClientId,
    Kid,
    RefreshToken,
    Session,
    SessionId,
    Subject,
    TokenType,
    UnverifiedToken,
)
from token_server.tokens.reading import read_access_token, read_refresh_token
from token_server.tokens.terms import DOCUMENTED

NOW = datetime(2020, 4, 7, 10, 29, 39, 999_999, tzinfo=UTC)
IDS = TokenIds(bytes(32))
ISSUER = "https://issuer.example"
SESSION = Session(
    sid=SessionId("s" * 22),
    subject=Subject("user"),
    generation=3,
    base=2,
    short_term=False,
    began_at=NOW - timedelta(days=1),
    issued_at=NOW,
    access_token_expires_at=NOW + timedelta(minutes=15),
    refresh_token_expires_at=NOW + timedelta(days=14),
    kid=Kid("k"),
)
REFRESH = refresh_claims(SESSION, IDS)
USUAL = session_access_token(SESSION, IDS, DOCUMENTED)
ACCESS = access_claims(USUAL, issuer=ISSUER, about={})


def unverified(claims: Mapping[str, object], typ: TokenType = TokenType.JWT) -> UnverifiedToken:
    return UnverifiedToken(
        signed="a.b",
        unverified_signature=b"c",
        kid=Kid("k"),
        typ=typ,
        unverified_claims=dict(claims),
    )


OF_A_CLIENT = structs.replace(USUAL, client_id=ClientId("billing"), scope="a b")


def read_refresh(
    claims: Mapping[str, object], now: datetime = NOW, typ: TokenType = TokenType.JWT
) -> RefreshToken:
    return read_refresh_token(unverified(claims, typ), ids=IDS, now=now)


def read_access(
    claims: Mapping[str, object], now: datetime = NOW, typ: TokenType = TokenType.JWT
) -> AccessToken:
    return read_access_token(unverified(claims, typ), issuer=ISSUER, now=now)
