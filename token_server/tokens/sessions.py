"""Issue, refresh, log out: what is checked before the store is asked, and what follows.

Which outcome a shown refresh token has stands at the head of `store/scripts/refresh.lua`: it is
decided there, in one step with what it changes.
"""

from datetime import datetime
from typing import assert_never

from token_server.tokens.claims import refresh_claims, refresh_token_type, session_access_token
from token_server.tokens.clients import NOTHING_MORE, Asked, Client
from token_server.tokens.model import (
    Attempt,
    EndReason,
    NewSession,
    Policy,
    RefreshToken,
    Session,
    Subject,
    TokenPair,
    TokenType,
    Unsigned,
    UnverifiedToken,
)
from token_server.tokens.outcomes import (
    AccountBarred,
    Done,
    Ended,
    Expired,
    Handed,
    Late,
    Misplaced,
    Outcome,
    Reused,
    Revoked,
    Showing,
    Unknown,
    Widened,
)
from token_server.tokens.ports import Fact
from token_server.tokens.profiles import ClaimsAbout
from token_server.tokens.reading import read_refresh_token
from token_server.tokens.refusals import (
    AccountDisabled,
    AssertionRefused,
    Refusal,
    RequestLate,
    ScopeRefused,
    SessionEnded,
    SessionUnknown,
    TokenExpired,
    TokenMisplaced,
    TokenReused,
    TokenRevoked,
    TokenSpent,
)
from token_server.tokens.steps import Steps, concerning, ids_of
from token_server.tokens.terms import (
    Terms,
    audience_of,
    first_scope,
    names_asked,
    scope_within,
    terms,
)

_FACTS = {outcome: Fact(outcome) for outcome in Outcome}


class SessionRules(Steps):
    """A session from its first pair to its end."""

    async def issue(  # noqa: PLR0913 - each by its name
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
        """Begin a session and hand out its first pair.

        `foreign`: another issuer named the subject, which must be no account of this server.

        Raises: AccountDisabled, AssertionRefused, ScopeRefused, TargetRefused,
        TemporarilyUnavailable.
        """
        now, policy = self._clock(), self._policy_for(client)
        scope = first_scope(client, asked)
        about = await claims_about(subject) if claims_about else {}
        on = terms(client, asked, scope=scope, about=about)
        if client and client.reusable is not None:
            reusable = client.reusable
        until = now + policy.longest_lifetime(short_term=short_term)
        new = NewSession(
            sid=self._ids.session_id(),
            subject=subject,
            short_term=short_term,
            kid=await self._reserved_kid(now, until=until),
            began_at=now,
            client_id=client.client_id if client else None,
            reusable=reusable,
            scope=scope,
            confidential=client is not None and not client.is_public,
        )
        begun = await self._begun(new, policy, of_account=of_account, foreign=foreign)
        self._audit.record(Fact.SESSION_BEGUN, **ids_of(begun))
        return await self._pair(begun, now, on, typ=refresh_token_type(client))

    async def _begun(
        self, new: NewSession, policy: Policy, *, of_account: bool, foreign: bool
    ) -> Session:
        begun = await self._store.begin(
            new,
            policy=policy,
            attempt=self._ids.attempt(),
            of_account=of_account,
            foreign=foreign,
        )
        if not isinstance(begun, AccountBarred):
            return begun
        refusal: Refusal = AccountDisabled()
        if foreign:
            refusal = AssertionRefused("its subject is an account of this server, or was one")
        raise refusal.about(sub=new.subject)

    async def refresh(
        self,
        unverified_token: str,
        *,
        client: Client | None = None,
        asked: Asked = NOTHING_MORE,
        claims_about: ClaimsAbout | None = None,
    ) -> TokenPair:
        """Exchange a refresh token for the pair that is its due (RFC 6749 §6).

        Raises: TokenRefused, ScopeRefused, TargetRefused, TemporarilyUnavailable.
        """
        # The moment it arrived, not the one when the store is asked: see refresh.lua on late ones.
        now = self._clock()
        names = names_asked(client, asked)
        audience_of(client, asked)
        token = self._genuine_refresh_token(await self._unpacked(unverified_token), now)
        with concerning(sid=token.sid, sub=token.subject):
            about = await claims_about(token.subject) if claims_about else {}
            until = now + self._policy_for(client).longest_lifetime(short_term=token.short_term)
            kid = await self._reserved_kid(now, until=until)
            with self._signer.expecting():
                showing = await self._store.show(
                    token,
                    terms=self._refresh_terms(client, names),
                    kid=kid,
                    attempt=self._ids.attempt(),
                    now=now,
                )
        handed = _handed(showing, token)
        session = handed.session
        self._audit.record(_FACTS[handed.outcome], **ids_of(session))
        scope = scope_within(session.scope, client=client, names=names)
        on = terms(client, asked, scope=scope, about=about)
        kept = unverified_token if handed.outcome is Outcome.KEPT else None
        return await self._pair(session, now, on, typ=token.typ, kept=kept)

    async def log_out(self, unverified_token: str) -> None:
        """End the session of a genuine access token, whatever its times say.

        A repeat by the same token is a success: the first answer may have been lost.

        Raises: TokenRefused (also if the session has ended otherwise), TemporarilyUnavailable.
        """
        token = await self._genuine_access_token(unverified_token, self._clock(), at_any_time=True)
        if token.sid is None:
            raise SessionUnknown().about(sub=token.subject)
        ids = {"sid": token.sid, "sub": token.subject}
        with concerning(**ids):
            ending = await self._store.end(
                token.subject,
                token.sid,
                because=EndReason.LOGOUT,
                # The same for every repeat, so that the store recognises it as the same call.
                attempt=Attempt(token.token_id),
                token_id=token.token_id,
                origins=token.origins,
                client_id=token.client_id,
            )
        match ending:
            case Done():
                self._audit.record(Fact.SESSION_ENDED, because=EndReason.LOGOUT, **ids)
            case Ended(because=because):
                raise SessionEnded(because).about(because=because, **ids)
            case Unknown():
                raise SessionUnknown().about(**ids)
            case Revoked():
                raise TokenRevoked().about(token_id=token.token_id, **ids)
            case Misplaced():
                raise TokenMisplaced().about(**ids)
            case _:
                assert_never(ending)

    def _genuine_refresh_token(self, unverified: UnverifiedToken, now: datetime) -> RefreshToken:
        # Cheapest first: there are clients that repeat a dead token for days.
        token = read_refresh_token(unverified, ids=self._token_ids, now=now)
        # A revoked key logs nobody out: who stole it still cannot make a token_id. Nor does it
        # matter what else a thief writes, because the store's record decides: see refresh.lua.
        self._signer.verify_signature(unverified)
        return token

    async def _pair(
        self,
        session: Session,
        now: datetime,
        on: Terms,
        *,
        typ: TokenType,
        kept: str | None = None,
    ) -> TokenPair:
        """The session's current pair: the same bytes each time, RS512 being deterministic.

        `typ` is the one of the session's first refresh token, which each of them passes on.
        `kept` is the refresh token that stays.
        """
        until = session.access_token_expires_at
        if kept is None:
            until = max(until, session.refresh_token_expires_at)
        kid = await self._covered_kid(session.kid, now, until=until)
        token = session_access_token(session, self._token_ids, on)
        unsigned = [self._unsigned(token, about=on.about)]
        if kept is None:
            unsigned.append(Unsigned(refresh_claims(session, self._token_ids), typ))
        # Both at once: nothing may change between them.
        access_token, *fresh = await self._signer.sign(*unsigned, kid=kid, now=now)
        return TokenPair(
            access_token=access_token,
            refresh_token=fresh[0] if kept is None else kept,
            session=session,
            scope=on.scope,
        )


def _handed(showing: Showing, token: RefreshToken) -> Handed:
    ids = {"sid": token.sid, "sub": token.subject, "token_id": token.token_id}
    match showing:
        case Handed():
            return showing
        case Late():
            raise RequestLate().about(**ids)
        case Reused(ended=ended):
            raise (TokenReused() if ended else TokenSpent()).about(**ids)
        case Ended(because=because):
            raise SessionEnded(because).about(because=because, **ids)
        case Expired():
            raise TokenExpired().about(**ids)
        case Misplaced():
            raise TokenMisplaced().about(**ids)
        case Widened():
            raise ScopeRefused().about(**ids)
        case Unknown():
            raise SessionUnknown().about(**ids)
        case _:
            assert_never(showing)
