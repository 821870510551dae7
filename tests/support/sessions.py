"""Sessions on a real store, without HTTP."""

import itertools
import secrets
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from redis.asyncio import Redis

from token_server.store.engine import Engine
from token_server.store.memory import StoreMemory, load_secret
from token_server.store.sessions import Sessions
from token_server.tokens.clients import OnReuse
from token_server.tokens.model import (
    LEEWAY,
    Attempt,
    ClientId,
    Kid,
    NewSession,
    Policy,
    RefreshToken,
    Session,
    SessionId,
    Subject,
    TokenId,
)
from token_server.tokens.outcomes import (
    Handed,
    Outcome,
    Showing,
)
from token_server.tokens.ports import RefreshTerms

ALICE = Subject("alice")
KID = Kid("k1")
POLICY = Policy(
    access_token_lifetime=timedelta(minutes=15),
    refresh_token_lifetime=timedelta(days=14),
    short_term_refresh_token_lifetime=timedelta(minutes=30),
    session_lifetime=None,
    grace_period=timedelta(seconds=60),
    recovery_period=None,
)


async def sessions_on(client: Redis) -> Sessions:
    """The session store on this client, as the product builds it, but with more patience.

    A disk that takes no write for two seconds is no matter to the rules of sessions.
    """
    engine = Engine(client, waits_for_fsync=False, deadline=timedelta(seconds=20))
    memory = StoreMemory(engine, await load_secret(engine))
    return Sessions(engine, memory, keep=POLICY.refresh_token_lifetime + LEEWAY)


def shown(session: Session, generation: int) -> RefreshToken:
    """A genuine refresh token of that generation, as the rules hand it to the store."""
    return RefreshToken(
        subject=session.subject,
        sid=session.sid,
        generation=generation,
        token_id=TokenId("not looked at by the store"),
        short_term=session.short_term,
    )


@dataclass
class Desk:
    """Begins sessions and shows tokens, with fresh attempts unless told otherwise."""

    sessions: Sessions
    policy: Policy = POLICY
    kid: Kid = KID
    client_id: ClientId | None = None
    """Whose sessions begin here, and who shows their tokens."""
    reusable: bool = False
    scope: str | None = None
    asked: tuple[str, ...] = ()
    on_reuse: OnReuse = OnReuse.END
    attempts: "itertools.count[int]" = field(default_factory=itertools.count)

    def attempt(self) -> Attempt:
        return Attempt(f"attempt-{next(self.attempts)}")

    def with_policy(self, policy: Policy) -> "Desk":
        return replace(self, policy=policy)

    @property
    def terms(self) -> RefreshTerms:
        return RefreshTerms(
            policy=self.policy,
            client_id=self.client_id,
            scope=self.asked,
            on_reuse=self.on_reuse,
        )

    async def begin(
        self, now: datetime, subject: Subject = ALICE, *, short_term: bool = False
    ) -> Session:
        begun = await self.sessions.begin(
            NewSession(
                sid=SessionId(secrets.token_urlsafe(16)),
                subject=subject,
                short_term=short_term,
                kid=self.kid,
                began_at=now,
                client_id=self.client_id,
                reusable=self.reusable,
                scope=self.scope,
            ),
            policy=self.policy,
            attempt=self.attempt(),
            of_account=False,
        )
        assert isinstance(begun, Session)
        return begun

    async def show(
        self, session: Session, generation: int, now: datetime, attempt: Attempt | None = None
    ) -> Showing:
        return await self.sessions.show(
            shown(session, generation),
            terms=self.terms,
            kid=self.kid,
            attempt=attempt or self.attempt(),
            now=now,
        )

    async def foresee(self, session: Session, generation: int, now: datetime) -> Showing:
        return await self.sessions.foresee(shown(session, generation), terms=self.terms, now=now)


def outcome_of(showing: Showing) -> Outcome:
    assert isinstance(showing, Handed)
    return showing.outcome


def session_of(showing: Showing) -> Session:
    assert isinstance(showing, Handed)
    return showing.session
