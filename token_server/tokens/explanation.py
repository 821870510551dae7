"""What an operator may learn of a token that somebody complains of; changes nothing."""

from dataclasses import dataclass
from datetime import datetime

from token_server.tokens.inspection import InspectionRules, is_gone, why_dead
from token_server.tokens.model import AccessToken, Kid, RefreshToken, Session
from token_server.tokens.outcomes import Known, Showing
from token_server.tokens.reading import claimed_sid, is_refresh_token
from token_server.tokens.refusals import ClockBehind, Refusal, TokenRefused


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Members are None where it is not known, or does not matter any more."""

    is_refresh_token: bool | None = None
    kid: Kid | None = None
    claimed_sid: str | None = None
    """As it is written in the token, genuine or not."""
    token: RefreshToken | AccessToken | None = None
    refusal: Refusal | None = None
    """Why it is good for nothing."""
    known: Known | None = None
    client_is_gone: bool = False
    """Its session's client is registered no longer, or was confidential and is public now."""
    showing: Showing | None = None
    """What a refresh with it would lead to, if its client asked."""


class ExplanationRules(InspectionRules):
    async def explain(self, unverified_token: str) -> Explanation:
        """Raises: TemporarilyUnavailable."""
        now = self._clock()
        try:
            unverified = await self._unpacked(unverified_token)
        except TokenRefused as refusal:
            return Explanation(refusal=refusal)
        is_refresh = is_refresh_token(unverified)
        sid = claimed_sid(unverified)
        try:
            token = await self._genuine(unverified_token, now)
        except (TokenRefused, ClockBehind) as refusal:
            return Explanation(
                is_refresh_token=is_refresh,
                kid=unverified.kid,
                claimed_sid=sid,
                refusal=refusal,
            )
        known = await self._known_of(token)
        showing, client_is_gone = None, False
        if isinstance(token, RefreshToken):
            showing = await self._outlook(token, known.session, now)
            client_is_gone = showing is None
        return Explanation(
            is_refresh_token=is_refresh,
            kid=unverified.kid,
            claimed_sid=sid,
            token=token,
            refusal=None
            if isinstance(token, RefreshToken)
            else why_dead(token, known, self._find_client),
            known=known,
            client_is_gone=client_is_gone,
            showing=showing,
        )

    async def _outlook(
        self, token: RefreshToken, session: Session | None, now: datetime
    ) -> Showing | None:
        """Return what a refresh would lead to; None if the session's client is gone."""
        client_id = session.client_id if session else None
        was_confidential = session is not None and session.confidential
        if is_gone(client_id, self._find_client, was_confidential=was_confidential):
            return None
        client = self._find_client(client_id) if client_id else None
        return await self._store.foresee(token, terms=self._refresh_terms(client), now=now)
