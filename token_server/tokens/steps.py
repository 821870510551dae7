"""What the rules stand on, and the steps that more than one of them takes."""

from collections.abc import Callable, Mapping
from datetime import datetime

from token_server.tokens.claims import access_claims
from token_server.tokens.clients import Client
from token_server.tokens.identity import TokenIds
from token_server.tokens.model import (
    AccessToken,
    IssuedAccessToken,
    Kid,
    Policy,
    Session,
    Unsigned,
    UnverifiedToken,
)
from token_server.tokens.ports import (
    Audit,
    Clock,
    Ids,
    KeyExpiries,
    KeysetWatch,
    RefreshTerms,
    SessionStore,
    Signer,
)
from token_server.tokens.reading import read_access_token
from token_server.tokens.refusals import KeysetAstray, KeyUnknown, TemporarilyUnavailable

FindClient = Callable[[str], Client | None]
"""The registered client of an id, as the clients file has it now."""


class Steps:
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
        find_client: FindClient,
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
        self._terms_of_nobody = RefreshTerms(policy=policy)
        self._issuer = issuer
        self._find_client = find_client

    def _policy_for(self, client: Client | None) -> Policy:
        return client.policy if client else self._policy

    def _refresh_terms(self, client: Client | None, names: tuple[str, ...] = ()) -> RefreshTerms:
        if client is None:
            return self._terms_of_nobody
        return RefreshTerms(
            policy=client.policy,
            client_id=client.client_id,
            scope=names,
            on_reuse=client.on_reuse,
            is_public=client.is_public,
        )

    async def _unpacked(self, unverified_token: str) -> UnverifiedToken:
        try:
            return self._signer.unpack(unverified_token)
        except KeyUnknown:
            # Where two keys are revoked in a row, another server may sign by one that is new.
            is_current = await self._keyset_watch.look_for_key_of(unverified_token)
            try:
                return self._signer.unpack(unverified_token)
            except KeyUnknown:
                if is_current:
                    raise
                raise KeysetAstray from None

    async def _genuine_access_token(
        self, unverified_token: str, now: datetime, *, at_any_time: bool = False
    ) -> AccessToken:
        """Return an access token of ours; `at_any_time`: expired, or not yet valid, as well.

        Raises: TokenRefused, TemporarilyUnavailable.
        """
        unverified = await self._unpacked(unverified_token)
        token = read_access_token(
            unverified, issuer=self._issuer, now=None if at_any_time else now
        )
        self._signer.verify(unverified, now)
        return token

    async def _reserved_kid(self, now: datetime, *, until: datetime) -> Kid:
        """The key to sign with; before anything changes, so that a failure changes nothing."""
        kid = self._signer.signing_kid(now)
        # It nearly always is, and then there is nothing to wait for.
        if not self._key_expiries.is_reserved(kid, until):
            await self._key_expiries.reserve(kid, until)
        return kid

    async def _covered_kid(self, kid: Kid, now: datetime, *, until: datetime) -> Kid:
        """That key, or the one that signs in its place, where it covers a token until then."""
        signing = self._signer.kid_for(kid, now)
        if signing != kid:
            # Another server may know that key for the active one already: a repeat of what it
            # answered shall be the same bytes.
            await self._keyset_watch.catch_up()
            signing = self._signer.kid_for(kid, now)
        # Another server may have issued it, by another key; and the keyset may change meanwhile.
        while not self._key_expiries.is_reserved(signing, until):
            await self._key_expiries.reserve(signing, until)
            signing = self._signer.kid_for(kid, now)
        return signing

    async def _alone(self, token: AccessToken, now: datetime) -> IssuedAccessToken:
        kid = await self._reserved_kid(now, until=token.expires_at)
        kid = await self._covered_kid(kid, now, until=token.expires_at)
        (signed,) = await self._signer.sign(self._unsigned(token, about={}), kid=kid, now=now)
        return IssuedAccessToken(
            access_token=signed,
            issued_at=token.issued_at,
            expires_at=token.expires_at,
            scope=token.scope,
        )

    def _unsigned(self, token: AccessToken, *, about: Mapping[str, object]) -> Unsigned:
        return Unsigned(access_claims(token, issuer=self._issuer, about=about), token.typ)


class concerning:  # noqa: N801 - read as what it does
    """Whatever the store refuses, the audit line says whom it concerns."""

    def __init__(self, **ids: str) -> None:
        self._ids = ids

    def __enter__(self) -> None:
        """Nothing to prepare."""

    def __exit__(self, _type: object, fault: object, _traceback: object) -> None:
        if isinstance(fault, TemporarilyUnavailable):
            fault.about(**self._ids)


def ids_of(session: Session) -> dict[str, str | int]:
    return {
        "sid": session.sid,
        "sub": session.subject,
        "generation": session.generation,
        "kid": session.kid,
        **({"client_id": session.client_id} if session.client_id else {}),
    }


def ids_of_access_token(token: AccessToken) -> dict[str, str | int]:
    told = {"sid": token.sid, "client_id": token.client_id}
    present = {name: value for name, value in told.items() if value is not None}
    return {"sub": token.subject, "token_id": token.token_id, **present}
