"""What an operator may learn of a token that somebody complains of; changes nothing."""

from collections.abc import Callable
from dataclasses import dataclass

from token_server.tokens.clients import Client
from token_server.tokens.inspection import InspectionRules, why_dead
from token_server.tokens.model import AccessToken, Kid, RefreshToken
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
    """Its session's client is registered no longer."""
    showing: Showing | None = None
    """What a refresh with it would lead to, if its client asked."""


class ExplanationRules(InspectionRules):
    async def explain(
        self, unverified_token: str, *, find_client: Callable[[str], Client | None]
    ) -> Explanation:
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
            client_id = known.session.client_id if known.session else None
            client = find_client(client_id) if client_id else None
            client_is_gone = client_id is not None and client is None
            if not client_is_gone:
                terms = self._refresh_terms(client)
                showing = await self._store.foresee(token, terms=terms, now=now)
        return Explanation(
            is_refresh_token=is_refresh,
            kid=unverified.kid,
            claimed_sid=sid,
            token=token,
            refusal=None if isinstance(token, RefreshToken) else why_dead(token, known),
            known=known,
            client_is_gone=client_is_gone,
            showing=showing,
        )
