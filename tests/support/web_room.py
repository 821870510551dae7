"""The web room with small rooms behind it: tokens and accounts that one test remembers."""

import io
import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import httpx

from support.client_desk import ClientDesk
from support.ledger import ISSUED_AT, Ledger
from support.moments import MovableClock
from token_server.audit import AuditLog
from token_server.tokens.model import (
    Kid,
    Subject,
)
from token_server.tokens.ports import JwkSetDocument
from token_server.tokens.profiles import Profile
from token_server.tokens.refusals import (
    AccountDisabled,
    AccountUnknown,
    PasswordWrong,
    Refusal,
    TooManyAttempts,
)
from token_server.web.routes import EVERY_ANONYMOUS_GRANT, Doors, build_app


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


class KnownProfiles:
    """Alice has said little; whoever has the documented profile shows what a full one becomes."""

    def __init__(self) -> None:
        self.documents: dict[str, dict[str, object]] = {"alice": {"email": "alice@example.org"}}
        self.asked: list[str] = []
        self.fault: Refusal | None = None

    async def __call__(self, subject: Subject) -> Profile:
        self.asked.append(subject)
        if self.fault:
            raise self.fault
        return Profile(
            subject=subject,
            document=self.documents.get(subject, {}),
            created_at=ISSUED_AT,
            updated_at=ISSUED_AT,
            password_updated_at=ISSUED_AT,
        )


@dataclass
class WebRoom:
    """The app as it is built, and everything that it told."""

    ledger: Ledger = field(default_factory=Ledger)
    clock: MovableClock = field(default_factory=MovableClock)
    verifiers: VerifiersSeen = field(default_factory=VerifiersSeen)
    clients: ClientDesk = field(default_factory=ClientDesk)
    profiles: KnownProfiles = field(default_factory=KnownProfiles)
    issuer: str = "http://issuer.test"
    dialects: tuple[str, ...] = ("form", "json", "header")
    cors_origins: tuple[str, ...] = ()
    anonymous: tuple[str, ...] = EVERY_ANONYMOUS_GRANT
    unready: Refusal | None = None
    audit_lines: io.StringIO = field(default_factory=io.StringIO)

    def __post_init__(self) -> None:
        self.doors = Doors(
            tokens=self.ledger,
            log_in=Doorman(),
            clients=self.clients,
            authentication=self.clients.authenticate,
            assertions=self.clients.assertions,
            issuer=self.issuer,
            audit=AuditLog(self.audit_lines, clock=self.clock),
            jwk_set=PublishedKeys(),
            verifiers=self.verifiers,
            readiness=self.ready,
            clock=self.clock,
            dialects=self.dialects,
            reusable=("header",),
            profiles=self.profiles,
            cors_origins=self.cors_origins,
            anonymous=self.anonymous,
        )
        self.app = build_app(self.doors)
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
