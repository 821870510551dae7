"""What may be known of a token, and how it is revoked: introspection (RFC 7662), RFC 7009."""

from collections.abc import Mapping
from datetime import datetime

from token_server.tokens.claims import access_claims
from token_server.tokens.clients import Client
from token_server.tokens.model import (
    AccessToken,
    ClientId,
    EndReason,
    RefreshToken,
    Session,
    TokenType,
    Unsigned,
)
from token_server.tokens.moments import to_seconds
from token_server.tokens.outcomes import Done, Known
from token_server.tokens.ports import Fact
from token_server.tokens.reading import is_refresh_token, read_access_token, read_refresh_token
from token_server.tokens.refusals import (
    ClientGone,
    SessionEnded,
    SessionUnknown,
    TokenRefused,
    TokenRevoked,
)
from token_server.tokens.steps import FindClient, Steps, concerning, ids_of_access_token
from token_server.tokens.terms import REFRESH, scope_within

_MEMBERS = (
    *("scope", "client_id", "username", "token_type", "exp", "iat", "nbf"),
    *("sub", "aud", "iss", "jti", "sid", "act"),
)
"""RFC 7662 §2.2 in its order; then what our tokens say beside it."""


class InspectionRules(Steps):
    """What becomes of a token that is shown by somebody who does not refresh with it."""

    async def revoke(self, unverified_token: str, *, client: Client | None) -> None:
        """Revoke an access token alone, or end the session of a refresh token (RFC 7009 §2.1).

        A genuine token is revoked whatever its times say: another server's clock may be ahead. A
        token that is unknown, or another client's, changes nothing and raises nothing.

        Raises: TemporarilyUnavailable.
        """
        try:
            token = await self._genuine(unverified_token, self._clock(), at_any_time=True)
        except TokenRefused:
            return
        with concerning(sub=token.subject):
            if isinstance(token, RefreshToken):
                await self._revoke_session(token, client)
            elif token.client_id is None or (client and client.client_id == token.client_id):
                await self._store.revoke_access_token(
                    token.subject, token.token_id, until=token.expires_at
                )
                self._audit.record(Fact.ACCESS_TOKEN_REVOKED, **ids_of_access_token(token))

    async def introspect(
        self, unverified_token: str, *, client: Client
    ) -> Mapping[str, object] | None:
        """The members of RFC 7662 §2.2 but `active`, in order; None: inactive, or not for it.

        Raises: TemporarilyUnavailable.
        """
        now = self._clock()
        try:
            token = await self._genuine(unverified_token, now, of_a_published_key=True)
            with concerning(sub=token.subject):
                if isinstance(token, RefreshToken):
                    return await self._about_refresh_token(token, client, now)
                return await self._about_access_token(token, client)
        except TokenRefused:
            return None

    async def sign_introspection(self, told: Mapping[str, object], *, client: Client) -> str:
        """What introspection told this caller, as a JWT for it alone (RFC 9701 §5).

        Raises: TemporarilyUnavailable.
        """
        now = self._clock()
        # RFC 9701 §5: neither `sub` nor `exp`, so that nobody takes it for an access token.
        claims = {
            "iss": self._issuer,
            "aud": client.client_id,
            "iat": to_seconds(now),
            "token_introspection": told,
        }
        kid = self._signer.signing_kid(now)
        unsigned = Unsigned(claims, TokenType.INTROSPECTION)
        (signed,) = await self._signer.sign(unsigned, kid=kid, now=now)
        return signed

    async def check_live(self, token: AccessToken) -> None:
        """Raises: TokenRefused, TemporarilyUnavailable."""
        known = await self._known_of(token)
        if refusal := why_dead(token, known, self._find_client):
            raise refusal

    async def _known_of(self, token: RefreshToken | AccessToken) -> Known:
        origins = token.origins if isinstance(token, AccessToken) else ()
        return await self._store.look(
            token.subject, sid=token.sid, token_id=token.token_id, origins=origins
        )

    async def _revoke_session(self, token: RefreshToken, client: Client | None) -> None:
        ending = await self._store.revoke_session(
            token,
            client_id=client.client_id if client else None,
            attempt=self._ids.attempt(),
        )
        if ending == Done():
            because = EndReason.REVOKED
            self._audit.record(
                Fact.SESSION_ENDED, because=because, sid=token.sid, sub=token.subject
            )

    async def _about_access_token(
        self, token: AccessToken, client: Client
    ) -> Mapping[str, object] | None:
        if not (client.introspects_any or token.client_id == client.client_id):
            return None
        await self.check_live(token)
        claims = access_claims(token, issuer=self._issuer, about={})
        return _members(claims | {"username": token.subject, "token_type": "bearer"})

    async def _about_refresh_token(
        self, token: RefreshToken, client: Client, now: datetime
    ) -> Mapping[str, object] | None:
        known = await self._known_of(token)
        session = known.session
        # RFC 7662 §4: a refresh token is valid at no resource server, and only at its own client.
        if session is None or session.client_id != client.client_id:
            return None
        if known.ended or not _is_current(token, session, now):
            return None
        issued_at = to_seconds(session.issued_at)
        return _members(
            {
                "scope": scope_within(session.scope, client=client, names=()),
                "client_id": session.client_id,
                "username": session.subject,
                "exp": to_seconds(session.refresh_token_expires_at),
                "iat": issued_at,
                "nbf": issued_at,
                "sub": session.subject,
                "aud": REFRESH,
                "iss": self._issuer,
                "jti": token.token_id,
                "sid": session.sid,
            }
        )

    async def _genuine(
        self,
        unverified_token: str,
        now: datetime,
        *,
        of_a_published_key: bool = False,
        at_any_time: bool = False,
    ) -> RefreshToken | AccessToken:
        unverified = await self._unpacked(unverified_token)
        token: RefreshToken | AccessToken
        valid_at = None if at_any_time else now
        if is_refresh_token(unverified):
            token = read_refresh_token(unverified, ids=self._token_ids, now=valid_at)
        else:
            token = read_access_token(unverified, issuer=self._issuer, now=valid_at)
        if isinstance(token, RefreshToken) and not of_a_published_key:
            # Only we can have made its token_id, whoever has stolen the key.
            self._signer.verify_signature(unverified)
        else:
            self._signer.verify(unverified, now)
        return token


def why_dead(token: AccessToken, known: Known, find_client: FindClient) -> TokenRefused | None:
    """Why store and clients file make a genuine access token good for nothing."""
    ids = ids_of_access_token(token)
    if known.revoked:
        return TokenRevoked().about(**ids)
    if known.ended:
        return SessionEnded(known.ended).about(because=known.ended, **ids)
    if token.sid is not None and known.session is None:
        return SessionUnknown().about(**ids)
    if _is_client_gone(token, known.session, find_client):
        return ClientGone().about(**ids)
    return None


def is_gone(
    client_id: ClientId | None, find_client: FindClient, *, was_confidential: bool
) -> bool:
    """Return whether a client is not registered any more, or was confidential and is public."""
    if client_id is None:
        return False
    client = find_client(client_id)
    return client is None or (client.is_public and was_confidential)


def _is_client_gone(token: AccessToken, session: Session | None, find_client: FindClient) -> bool:
    of_session = session is not None and session.client_id == token.client_id
    # Only a client that authenticates gets tokens of its own, or exchanges them.
    was_confidential = not of_session or bool(token.origins)
    if session is not None:
        was_confidential = was_confidential or session.confidential
        if is_gone(session.client_id, find_client, was_confidential=session.confidential):
            return True
    return is_gone(token.client_id, find_client, was_confidential=was_confidential)


def _is_current(token: RefreshToken, session: Session, now: datetime) -> bool:
    # One of a later generation is ours too: the store has lost writes, and will roll forward.
    return token.generation >= session.generation and now < session.refresh_token_expires_at


def _members(told: Mapping[str, object]) -> Mapping[str, object]:
    return {name: told[name] for name in _MEMBERS if told.get(name) is not None}
