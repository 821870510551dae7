"""The web room with small rooms behind it: tokens and accounts that one test remembers."""

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from structlog.contextvars import get_contextvars

from support.moments import MovableClock
from token_server.audit import AuditLog
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
from token_server.tokens.ports import JwkSetDocument
from token_server.tokens.profiles import ClaimsAbout
from token_server.tokens.refusals import (
    AccountDisabled,
    AccountUnknown,
    PasswordWrong,
    Refusal,
    SessionEnded,
    SessionUnknown,
    StoreUnavailable,
    TokenExpired,
    TokenForged,
    TokenReused,
    TooManyAttempts,
)
from token_server.web.routes import Doors, build_app

ISSUED_AT = datetime(2022, 11, 1, 13, 13, 43, 782615, UTC)
"""Half an hour before the first of the documented moments, a day before the second."""


def pair(
    access_token: str, refresh_token: str, *, subject: str = "alice", short_term: bool = False
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
    revoked: list[str] = field(default_factory=list)

    async def issue(  # noqa: PLR0913 - as the port
        self,
        subject: Subject,
        *,
        of_account: bool,
        short_term: bool = False,
        reusable: bool = False,  # noqa: ARG002 - as the port
        client: Client | None = None,  # noqa: ARG002 - as the port
        asked: Asked = NOTHING_MORE,  # noqa: ARG002 - as the port
        claims_about: ClaimsAbout | None = None,  # noqa: ARG002 - as the port
    ) -> TokenPair:
        assert of_account
        number = "short" if short_term else "1"
        return pair(
            f"access.{subject}.{number}",
            f"refresh.{subject}.{number}",
            subject=subject,
            short_term=short_term,
        )

    async def refresh(
        self,
        unverified_token: str,
        *,
        client: Client | None = None,  # noqa: ARG002 - as the port
        asked: Asked = NOTHING_MORE,  # noqa: ARG002 - as the port
        claims_about: ClaimsAbout | None = None,  # noqa: ARG002 - as the port
    ) -> TokenPair:
        self.refreshed.append(unverified_token)
        self.contexts.append(get_contextvars())
        if unverified_token in self.faults:
            raise self.faults[unverified_token]
        if unverified_token not in self.pairs:
            raise SessionUnknown
        return self.pairs[unverified_token]

    async def log_out(self, unverified_token: str) -> None:
        self.contexts.append(get_contextvars())
        if unverified_token in self.faults:
            raise self.faults[unverified_token]
        if not unverified_token.startswith("access."):
            raise TokenForged
        self.ended.append(unverified_token)

    async def client_credentials(self, client: Client, asked: Asked) -> IssuedAccessToken:
        return alone(f"access.{client.client_id}", scope=asked.scope)

    async def exchange(
        self,
        client: Client,  # noqa: ARG002 - as the port
        unverified_subject_token: str,
        asked: Asked,
        *,
        unverified_actor_token: str | None = None,  # noqa: ARG002 - as the port
    ) -> IssuedAccessToken:
        if unverified_subject_token in self.faults:
            raise self.faults[unverified_subject_token]
        return alone(f"exchanged.{unverified_subject_token}", scope=asked.scope)

    async def revoke(self, unverified_token: str, *, client: Client | None) -> None:  # noqa: ARG002 - as the port
        if unverified_token in self.faults:
            raise self.faults[unverified_token]
        self.revoked.append(unverified_token)

    async def introspect(
        self,
        unverified_token: str,
        *,
        client: Client,  # noqa: ARG002 - as the port
    ) -> Mapping[str, object] | None:
        if unverified_token in self.faults:
            raise self.faults[unverified_token]
        return {"sub": "alice"} if unverified_token.startswith("access.") else None


class Doorman:
    """Knows one user, one who is disabled, and one who tries too often."""

    async def __call__(self, name: str, password: str, *, peer: str) -> Subject:
        assert peer
        refusals: dict[str, Refusal] = {
            "alice": PasswordWrong().about(sub="alice"),
            "disabled": AccountDisabled(),
            "hasty": TooManyAttempts(timedelta(seconds=6, microseconds=1)),
        }
        if (name, password) != ("alice", "correct horse"):
            raise refusals.get(name, AccountUnknown())
        return Subject(name)


class PublishedKeys:
    def document(self, now: datetime) -> JwkSetDocument:  # noqa: ARG002 - the port's signature
        return JwkSetDocument(body=b'{"keys":[]}', etag='"v1"', newest=Kid("k2"))

    def max_age(self, now: datetime) -> timedelta:  # noqa: ARG002 - the port's signature
        return timedelta(seconds=299, microseconds=999_999)


@dataclass
class VerifiersSeen:
    seen: list[tuple[str, str, Kid]] = field(default_factory=list)

    def fetched(self, address: str, user_agent: str, newest: Kid) -> None:
        self.seen.append((address, user_agent, newest))


@dataclass
class WebRoom:
    """The app as it is built, and everything that it told."""

    ledger: Ledger = field(default_factory=Ledger)
    clock: MovableClock = field(default_factory=MovableClock)
    verifiers: VerifiersSeen = field(default_factory=VerifiersSeen)
    unready: Refusal | None = None
    audit_lines: io.StringIO = field(default_factory=io.StringIO)

    def __post_init__(self) -> None:
        self.app = build_app(
            Doors(
                tokens=self.ledger,
                log_in=Doorman(),
                audit=AuditLog(self.audit_lines, clock=self.clock),
                jwk_set=PublishedKeys(),
                verifiers=self.verifiers,
                readiness=self.ready,
                clock=self.clock,
                dialects=("form",),
            )
        )
        self.client = httpx.AsyncClient(
            transport=httpx.ASGITransport(self.app, raise_app_exceptions=True),
            base_url="http://server",
        )

    async def ready(self) -> None:
        if self.unready:
            raise self.unready

    @property
    def facts(self) -> list[dict[str, Any]]:
        """The audit log, line by line."""
        return [json.loads(line) for line in self.audit_lines.getvalue().splitlines()]

    async def token(self, body: str, **headers: str) -> httpx.Response:
        """Ask the token endpoint, with this body as it stands."""
        sent = {"Content-Type": "application/x-www-form-urlencoded", **headers}
        return await self.client.post("/api/oauth2/token", content=body, headers=sent)
