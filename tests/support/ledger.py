"""The core as one test remembers it: tokens by what they lead to, and every call written down."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from token_server.spoken import how_spoken_to
from token_server.tokens.clients import NOTHING_MORE, Asked, Client
from token_server.tokens.model import (
    EndReason,
    IssuedAccessToken,
    Kid,
    Session,
    SessionId,
    Subject,
    TokenPair,
)
from token_server.tokens.profiles import ClaimsAbout
from token_server.tokens.refusals import (
    SessionEnded,
    SessionUnknown,
    StoreUnavailable,
    TokenExpired,
    TokenForged,
    TokenReused,
)

ISSUED_AT = datetime(2022, 11, 1, 13, 13, 43, 782615, UTC)
"""Half an hour before the first of the documented moments, a day before the second."""


def pair(
    access_token: str,
    refresh_token: str,
    *,
    subject: str = "alice",
    short_term: bool = False,
    scope: str | None = None,
) -> TokenPair:
    """A pair with the documented moments."""
    return TokenPair(
        access_token=access_token,
        refresh_token=refresh_token,
        session=Session(
            sid=SessionId("A" * 22),
            subject=Subject(subject),
            generation=2,
            base=1,
            short_term=short_term,
            began_at=ISSUED_AT,
            issued_at=ISSUED_AT,
            access_token_expires_at=ISSUED_AT + timedelta(minutes=30),
            refresh_token_expires_at=ISSUED_AT
            + (timedelta(minutes=45) if short_term else timedelta(hours=24)),
            kid=Kid("k1"),
        ),
        scope=scope,
    )


def alone(access_token: str, *, scope: str | None = None) -> IssuedAccessToken:
    return IssuedAccessToken(
        access_token=access_token,
        issued_at=ISSUED_AT,
        expires_at=ISSUED_AT + timedelta(minutes=30),
        scope=scope,
    )


@dataclass
class Ledger:
    """Tokens by what they lead to; log-outs and calls are written down."""

    pairs: dict[str, TokenPair] = field(
        default_factory=lambda: {"refresh.alice.1": pair("access.alice.2", "refresh.alice.2")}
    )
    faults: dict[str, Exception] = field(
        default_factory=lambda: {
            "expired": TokenExpired(),
            "forged": TokenForged(),
            "reused": TokenReused().about(sid="A" * 22, sub="alice"),
            "ended": SessionEnded(EndReason.LOGOUT).about(sid="A" * 22),
            "while-the-store-is-away": StoreUnavailable(),
            "while-we-fail": RuntimeError("while-we-fail"),
        }
    )
    refreshed: list[str] = field(default_factory=list)
    contexts: list[dict[str, Any]] = field(default_factory=list)
    """What the audit log would have added to a fact that the rules record."""
    ended: list[str] = field(default_factory=list)
    claims: list[Mapping[str, object]] = field(default_factory=list)
    """What the dialects had to say of a subject."""
    reusable: bool | None = None
    """As the last log-in had it."""
    revoked: list[str] = field(default_factory=list)
    calls: list[tuple[str, Client | None, Asked]] = field(default_factory=list)
    """What was asked for, by whom, beyond the grant."""

    async def issue(  # noqa: PLR0913 - as the port
        self,
        subject: Subject,
        *,
        of_account: bool,
        short_term: bool = False,
        reusable: bool = False,
        client: Client | None = None,
        asked: Asked = NOTHING_MORE,
        claims_about: ClaimsAbout | None = None,
        foreign: bool = False,
    ) -> TokenPair:
        assert of_account or (client and foreign)
        self.calls.append(("issue", client, asked))
        self.reusable = reusable
        await self._introduce(subject, claims_about)
        number = "short" if short_term else "1"
        return pair(
            f"access.{subject}.{number}",
            f"refresh.{subject}.{number}",
            subject=subject,
            short_term=short_term,
            scope=asked.scope,
        )

    async def _introduce(self, subject: Subject, claims_about: ClaimsAbout | None) -> None:
        if claims_about:
            self.claims.append(await claims_about(subject))

    async def refresh(
        self,
        unverified_token: str,
        *,
        client: Client | None = None,
        asked: Asked = NOTHING_MORE,
        claims_about: ClaimsAbout | None = None,
    ) -> TokenPair:
        self.calls.append(("refresh", client, asked))
        self.refreshed.append(unverified_token)
        self.contexts.append(dict(how_spoken_to()))
        if unverified_token in self.faults:
            raise self.faults[unverified_token]
        if unverified_token not in self.pairs:
            raise SessionUnknown
        found = self.pairs[unverified_token]
        await self._introduce(found.session.subject, claims_about)
        return found

    async def log_out(self, unverified_token: str) -> None:
        self.contexts.append(dict(how_spoken_to()))
        if unverified_token in self.faults:
            raise self.faults[unverified_token]
        if not unverified_token.startswith("access."):
            raise TokenForged
        self.ended.append(unverified_token)

    async def client_credentials(self, client: Client, asked: Asked) -> IssuedAccessToken:
        self.calls.append(("client_credentials", client, asked))
        return alone(f"access.{client.client_id}", scope=asked.scope)

    async def exchange(
        self,
        client: Client,
        unverified_subject_token: str,
        asked: Asked,
        *,
        unverified_actor_token: str | None = None,
    ) -> IssuedAccessToken:
        self.calls.append((f"exchange, actor {unverified_actor_token}", client, asked))
        if unverified_subject_token in self.faults:
            raise self.faults[unverified_subject_token]
        return alone(f"exchanged.{unverified_subject_token}", scope=asked.scope)

    async def revoke(self, unverified_token: str, *, client: Client | None) -> None:
        self.calls.append(("revoke", client, NOTHING_MORE))
        if unverified_token in self.faults:
            raise self.faults[unverified_token]
        self.revoked.append(unverified_token)

    async def introspect(
        self,
        unverified_token: str,
        *,
        client: Client,
    ) -> Mapping[str, object] | None:
        self.calls.append(("introspect", client, NOTHING_MORE))
        if unverified_token in self.faults:
            raise self.faults[unverified_token]
        return {"sub": "alice"} if unverified_token.startswith("access.") else None

    async def sign_introspection(self, told: Mapping[str, object], *, client: Client) -> str:
        return f"signed.{client.client_id}.{told['active']}"
