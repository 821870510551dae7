"""Access tokens that come alone: a client's own (RFC 6749 §4.4), and exchanged ones (RFC 8693)."""

from dataclasses import replace
from datetime import datetime

from token_server.tokens.clients import Asked, Client
from token_server.tokens.inspection import InspectionRules
from token_server.tokens.model import AccessToken, IssuedAccessToken, Subject
from token_server.tokens.ports import Fact
from token_server.tokens.reading import MOST_ACTORS, MOST_ORIGINS
from token_server.tokens.refusals import (
    ExchangeRefused,
    RequestMalformed,
    ScopeRefused,
    TargetRefused,
)
from token_server.tokens.steps import concerning, ids_of_access_token
from token_server.tokens.terms import (
    ACCESS,
    Terms,
    audience_of,
    first_scope,
    names_asked,
    still_allowed,
    terms,
    written,
)


class GrantRules(InspectionRules):
    """Grants without a refresh token; an exchanged token is inspected first."""

    async def client_credentials(self, client: Client, asked: Asked) -> IssuedAccessToken:
        """An access token of the client itself, without a session (RFC 6749 §4.4).

        Raises: ScopeRefused, TargetRefused, TemporarilyUnavailable.
        """
        now = self._clock()
        on = terms(client, asked, scope=first_scope(client, asked), about={})
        token = self._new(client, on, Subject(client.client_id), now)
        issued = await self._alone(token, now)
        self._audit.record(Fact.ACCESS_TOKEN_ISSUED, **ids_of_access_token(token))
        return issued

    async def exchange(
        self,
        client: Client,
        unverified_subject_token: str,
        asked: Asked,
        *,
        unverified_actor_token: str | None = None,
    ) -> IssuedAccessToken:
        """Another access token of the same session, with no more scope and no longer life.

        An actor token makes it a delegation: its subject is named in `act` (RFC 8693 §4.1). Both
        tokens must be for the client, or for a client or audience that it may exchange from.

        Raises: TokenRefused, ScopeRefused, TargetRefused, RequestMalformed,
        TemporarilyUnavailable.
        """
        now = self._clock()
        names = names_asked(client, asked)
        of = await self._exchangeable_token(unverified_subject_token, client, now)
        asked = _for_no_more(of, client, asked)
        on = terms(client, asked, scope=_narrowed(of, client, names), about={})
        actors = of.actors
        if unverified_actor_token is not None:
            actor = await self._exchangeable_token(unverified_actor_token, client, now)
            actors = (actor.subject, *actors)
        if len(actors) > MOST_ACTORS:
            raise RequestMalformed("Too many act for this subject already.")
        if len(of.origins) == MOST_ORIGINS:
            raise RequestMalformed("The subject token was exchanged too often.")
        token = self._new(client, on, of.subject, now, of=of, actors=actors)
        issued = await self._alone(token, now)
        ids = ids_of_access_token(token)
        self._audit.record(Fact.ACCESS_TOKEN_EXCHANGED, **ids, origin=of.token_id)
        return issued

    def _new(  # noqa: PLR0913 - each by its name
        self,
        client: Client,
        on: Terms,
        subject: Subject,
        now: datetime,
        *,
        of: AccessToken | None = None,
        actors: tuple[str, ...] = (),
    ) -> AccessToken:
        expires_at = now + client.policy.access_token_lifetime
        return AccessToken(
            typ=on.typ,
            subject=subject,
            sid=of.sid if of else None,
            token_id=self._token_ids.of_access_token(self._ids.session_id(), 0),
            audience=on.audience,
            client_id=client.client_id,
            scope=on.scope,
            actors=actors,
            origins=(*of.origins, of.token_id) if of else (),
            issued_at=now,
            expires_at=min(expires_at, of.expires_at) if of else expires_at,
        )

    async def _exchangeable_token(
        self, unverified_token: str, client: Client, now: datetime
    ) -> AccessToken:
        token = await self._genuine_access_token(unverified_token, now)
        with concerning(sub=token.subject):
            await self.check_live(token)
        # RFC 8693 §5: a token that was stolen from one service must not work at another.
        # `access` is the audience of every token that names none, also if a client has that id.
        audience = {name for name in token.audience if name != ACCESS}
        is_own = client.client_id in {token.client_id, *audience}
        is_listed = not client.may_exchange.isdisjoint([token.client_id, *token.audience])
        if not is_own and not is_listed:
            raise ExchangeRefused().about(**ids_of_access_token(token))
        return token


def _for_no_more(of: AccessToken, client: Client, asked: Asked) -> Asked:
    """Where nothing is named: for everybody only if the subject token is.

    Raises: TargetRefused.
    """
    if ACCESS in of.audience or audience_of(client, asked) != (ACCESS,):
        return asked
    kept = tuple(name for name in of.audience if name in client.audiences)
    if not kept:
        raise TargetRefused
    return replace(asked, resources=kept)


def _narrowed(of: AccessToken, client: Client, names: tuple[str, ...]) -> str | None:
    """Return what is asked for, else all that both have.

    Raises: ScopeRefused, also if the subject token has a scope and both have nothing in common.
    """
    available = still_allowed(of.scope, client)
    if not set(names) <= set(available) or (of.scope and not available):
        raise ScopeRefused
    has_scope = client.has_scope or of.scope is not None
    return written(names or available, has_scope=has_scope)
