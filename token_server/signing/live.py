"""The keys as they are now: what signs and what is published change together, in one step."""

from collections.abc import Awaitable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from token_server.signing.jwks import PublicJwkSet
from token_server.signing.lifecycle import Keyset
from token_server.signing.signer import KeysetSigner
from token_server.tokens.model import Kid, Unsigned, UnverifiedToken
from token_server.tokens.ports import JwkSetDocument


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """One state of the keyset, and the private keys that we hold of it."""

    keyset: Keyset
    private_keys: Mapping[Kid, RSAPrivateKey] = field(repr=False)


class LiveKeys:
    """The ports `Signer` and `JwkSet`.

    Each call works on one state from beginning to end; another takes its place at any time, in
    one assignment, and nobody waits for it.
    """

    def __init__(
        self,
        keys: Keys,
        *,
        grace_period: timedelta,
        propagation_period: timedelta,
        multi_buffer: bool = True,
    ) -> None:
        self._grace_period = grace_period
        self._multi_buffer = multi_buffer
        self._propagation_period = propagation_period
        self.take(keys)

    @property
    def keys(self) -> Keys:
        return self._state.keys

    def take(self, keys: Keys) -> None:
        """Go by these keys from now on."""
        self._state = _State(
            keys=keys,
            signer=KeysetSigner(
                keys.keyset,
                keys.private_keys,
                grace_period=self._grace_period,
                multi_buffer=self._multi_buffer,
            ),
            jwk_set=PublicJwkSet(keys.keyset, propagation_period=self._propagation_period),
        )

    def signing_kid(self, now: datetime) -> Kid:
        return self._state.signer.signing_kid(now)

    def kid_for(self, kid: Kid, now: datetime) -> Kid:
        return self._state.signer.kid_for(kid, now)

    def expecting(self) -> AbstractContextManager[None]:
        return self._state.signer.expecting()

    def sign(self, *tokens: Unsigned, kid: Kid, now: datetime) -> Awaitable[Sequence[str]]:
        return self._state.signer.sign(*tokens, kid=kid, now=now)

    def unpack(self, unverified_token: str) -> UnverifiedToken:
        return self._state.signer.unpack(unverified_token)

    def verify(self, unverified: UnverifiedToken, now: datetime) -> None:
        self._state.signer.verify(unverified, now)

    def verify_signature(self, unverified: UnverifiedToken) -> None:
        self._state.signer.verify_signature(unverified)

    def document(self, now: datetime) -> JwkSetDocument:
        return self._state.jwk_set.document(now)

    def max_age(self, now: datetime) -> timedelta:
        return self._state.jwk_set.max_age(now)


@dataclass(frozen=True, slots=True, kw_only=True)
class _State:
    keys: Keys
    signer: KeysetSigner
    jwk_set: PublicJwkSet
