"""Issue, refresh, log out: what is checked before the store is asked, and what follows.

Which outcome a shown refresh token has stands at the head of `store/scripts/refresh.lua`: it is
decided there, in one step with what it changes.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import assert_never

from token_server.tokens.claims import (
    access_claims,
    read_access_token,
    read_refresh_token,
    refresh_claims,
)
from token_server.tokens.identity import TokenIds
from token_server.tokens.model import (
    EndReason,
    Kid,
    NewSession,
    Policy,
    RefreshToken,
    Session,
    Subject,
    TokenPair,
    UnverifiedToken,
)
from token_server.tokens.ports import (
    AccountBarred,
    Audit,
    Clock,
    Done,
    Ended,
    Expired,
    Fact,
    Handed,
    Ids,
    KeyExpiries,
    KeysetWatch,
    Late,
    Reused,
    SessionStore,
    Showing,
    Signer,
    Unknown,
)
from token_server.tokens.refusals import (
    AccountDisabled,
    KeysetAstray,
    KeyUnknown,
    RequestLate,
    SessionEnded,
    SessionUnknown,
    TemporarilyUnavailable,
    TokenExpired,
    TokenReused,
)


class TokenRules:
    """The core that every dialect and the CLI call."""

    def __init__(  # noqa: PLR0913 - the ports, each by its name
        self,
        *,
        store: SessionStore,
        signer: Signer,
        keyset_watch: KeysetWatch,
        key_expiries: KeyExpiries,
        clock: Clock,
        ids: Ids,
        token_ids: TokenIds,
        audit: Audit,
        policy: Policy,
        issuer: str,
    ) -> None:
        self._store = store
        self._signer = signer
        self._keyset_watch = keyset_watch
        self._key_expiries = key_expiries
        self._clock = clock
        self._ids = ids
        self._token_ids = token_ids
        self._audit = audit
        self._policy = policy
        self._issuer = issuer

    async def issue(self, subject: Subject, *, short_term: bool, of_account: bool) -> TokenPair:
        """Begin a session and hand out its first pair.

        Raises: AccountDisabled, TemporarilyUnavailable.
        """
        now = self._clock()
        new = NewSession(
            sid=self._ids.session_id(),
            subject=subject,
            short_term=short_term,
            kid=await self._reserved_kid(now, short_term=short_term),
            began_at=now,
        )
        begun = await self._store.begin(
            new, policy=self._policy, attempt=self._ids.attempt(), of_account=of_account
        )
        if isinstance(begun, AccountBarred):
            raise AccountDisabled().about(sub=subject)
        self._audit.record(Fact.SESSION_BEGUN, **_ids_of(begun))
        return await self._pair(begun, now)

    async def refresh(self, unverified_token: str) -> TokenPair:
        """Exchange a refresh token for the pair that is its due (RFC 6749 §6).

        Raises: TokenRefused, TemporarilyUnavailable.
        """
        # The moment it arrived, not the one when the store is asked: see refresh.lua on late ones.
        now = self._clock()
        token = await self._genuine_refresh_token(unverified_token, now)
        with _concerning(sid=token.sid, sub=token.subject):
            showing = await self._store.show(
                token,
                policy=self._policy,
                kid=await self._reserved_kid(now, short_term=token.short_term),
                attempt=self._ids.attempt(),
                now=now,
            )
        handed = _handed(showing, token)
        self._audit.record(Fact(handed.outcome), **_ids_of(handed.session))
        return await self._pair(handed.session, now)

    async def log_out(self, unverified_token: str) -> None:
        """End the session of a live access token.

        Raises: TokenRefused (also where the session had ended before), TemporarilyUnavailable.
        """
        now = self._clock()
        unverified = await self._unpacked(unverified_token)
        token = read_access_token(unverified.unverified_claims, issuer=self._issuer, now=now)
        self._signer.verify(unverified, now)
        ids = {"sid": token.sid, "sub": token.subject}
        with _concerning(**ids):
            ending = await self._store.end(
                token.subject, token.sid, because=EndReason.LOGOUT, attempt=self._ids.attempt()
            )
        match ending:
            case Done():
                self._audit.record(Fact.SESSION_ENDED, because=EndReason.LOGOUT, **ids)
            case Ended(because=because):
                raise SessionEnded(because).about(because=because, **ids)
            case Unknown():
                raise SessionUnknown().about(**ids)
            case _:
                assert_never(ending)

    async def _genuine_refresh_token(self, unverified_token: str, now: datetime) -> RefreshToken:
        # Cheapest first: there are clients that repeat a dead token for days.
        unverified = await self._unpacked(unverified_token)
        token = read_refresh_token(unverified.unverified_claims, ids=self._token_ids, now=now)
        # A revoked key logs nobody out: who stole it still cannot make a token_id. Nor does it
        # matter what else a thief writes, because the store's record decides: see refresh.lua.
        self._signer.verify_signature(unverified)
        return token

    async def _unpacked(self, unverified_token: str) -> UnverifiedToken:
        try:
            return self._signer.unpack(unverified_token)
        except KeyUnknown:
            # Where two keys are revoked in a row, another server may sign by one that is new.
            is_current = await self._keyset_watch.catch_up()
            try:
                return self._signer.unpack(unverified_token)
            except KeyUnknown:
                if is_current:
                    raise
                raise KeysetAstray from None

    async def _reserved_kid(self, now: datetime, *, short_term: bool) -> Kid:
        """The key to sign with; before the session changes, so that a failure changes nothing."""
        kid = self._signer.signing_kid(now)
        lifetime = self._policy.longest_lifetime(short_term=short_term)
        await self._key_expiries.reserve(kid, now + lifetime)
        return kid

    async def _pair(self, session: Session, now: datetime) -> TokenPair:
        """The session's current pair: the same bytes each time, RS512 being deterministic."""
        expires_at = max(session.access_token_expires_at, session.refresh_token_expires_at)
        if self._signer.kid_for(session.kid, now) != session.kid:
            # Another server may know that key for the active one already: a repeat of what it
            # answered shall be the same bytes.
            await self._keyset_watch.catch_up()
        # Another server may have issued it, by another key; and the keyset may change meanwhile.
        while not self._key_expiries.is_reserved(
            kid := self._signer.kid_for(session.kid, now), expires_at
        ):
            await self._key_expiries.reserve(kid, expires_at)
        access = access_claims(session, self._token_ids, issuer=self._issuer)
        refresh = refresh_claims(session, self._token_ids)
        return TokenPair(
            access_token=self._signer.sign(access, kid=kid, now=now),
            refresh_token=self._signer.sign(refresh, kid=kid, now=now),
            session=session,
        )


@contextmanager
def _concerning(**ids: str) -> Iterator[None]:
    """Whatever the store refuses, the audit line says whom it concerns."""
    try:
        yield
    except TemporarilyUnavailable as refusal:
        raise refusal.about(**ids)  # noqa: B904 - the same refusal


def _handed(showing: Showing, token: RefreshToken) -> Handed:
    ids = {"sid": token.sid, "sub": token.subject, "token_id": token.token_id}
    match showing:
        case Handed():
            return showing
        case Late():
            raise RequestLate().about(**ids)
        case Reused():
            raise TokenReused().about(**ids)
        case Ended(because=because):
            raise SessionEnded(because).about(because=because, **ids)
        case Expired():
            raise TokenExpired().about(**ids)
        case Unknown():
            raise SessionUnknown().about(**ids)
        case _:
            assert_never(showing)


def _ids_of(session: Session) -> dict[str, str | int]:
    return {
        "sid": session.sid,
        "sub": session.subject,
        "generation": session.generation,
        "kid": session.kid,
    }
