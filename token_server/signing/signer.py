"""Signs and verifies with a keyset: the port `Signer`."""

from collections.abc import Awaitable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

from token_server.signing import jws
from token_server.signing.lifecycle import Keyset, active, is_published, may_sign
from token_server.signing.rs512 import Rs512Key
from token_server.signing.rsa_keys import verifying_key
from token_server.signing.together import SigningTurn
from token_server.tokens.model import TYPES_READ, Kid, TokenType, Unsigned, UnverifiedToken
from token_server.tokens.refusals import KeyUnknown, SigningKeyMissing


@dataclass(frozen=True, slots=True, kw_only=True)
class _Snapshot:
    """One state of the keyset, with all that can be computed ahead."""

    keyset: Keyset
    private_keys: Mapping[Kid, Rs512Key]
    verifying_keys: Mapping[Kid, RSAPublicKey]
    headers: Mapping[tuple[Kid, TokenType], str]
    by_header: Mapping[str, tuple[Kid, TokenType]]


class KeysetSigner:
    """Of one keyset, and never another: see live.py."""

    def __init__(
        self,
        keyset: Keyset,
        private_keys: Mapping[Kid, RSAPrivateKey],
        *,
        grace_period: timedelta,
        multi_buffer: bool = True,
    ) -> None:
        headers = {
            (key.kid, typ): jws.header_of(key.kid, typ) for key in keyset.keys for typ in TokenType
        }
        self._grace_period = grace_period
        self._turn = SigningTurn()
        self._snapshot = _Snapshot(
            keyset=keyset,
            private_keys={
                kid: Rs512Key.of(each) if multi_buffer else Rs512Key(each)
                for kid, each in private_keys.items()
            },
            verifying_keys={key.kid: verifying_key(key.public) for key in keyset.keys},
            headers=headers,
            by_header={header: of for of, header in headers.items() if of[1] in TYPES_READ},
        )

    def signing_kid(self, now: datetime) -> Kid:
        kid = active(self._snapshot.keyset, now).kid
        if kid not in self._snapshot.private_keys:
            raise SigningKeyMissing
        return kid

    def kid_for(self, kid: Kid, now: datetime) -> Kid:
        snapshot = self._snapshot
        key = snapshot.keyset.find(kid)
        if (
            key is None
            or kid not in snapshot.private_keys
            or not may_sign(snapshot.keyset, key, now, grace_period=self._grace_period)
        ):
            return self.signing_kid(now)
        return kid

    def expecting(self) -> AbstractContextManager[None]:
        return self._turn

    def sign(self, *tokens: Unsigned, kid: Kid, now: datetime) -> Awaitable[Sequence[str]]:
        snapshot, kid = self._snapshot, self.kid_for(kid, now)
        signing_inputs = [
            jws.signing_input(snapshot.headers[kid, each.typ], each.claims) for each in tokens
        ]
        return self._turn.sign(signing_inputs, snapshot.private_keys[kid])

    def unpack(self, unverified_token: str) -> UnverifiedToken:
        return jws.unpack(unverified_token, self._snapshot.by_header)

    def verify(self, unverified: UnverifiedToken, now: datetime) -> None:
        key = self._snapshot.keyset.find(unverified.kid)
        if key is None or not is_published(self._snapshot.keyset, key, now):
            raise KeyUnknown
        self.verify_signature(unverified)

    def verify_signature(self, unverified: UnverifiedToken) -> None:
        key = self._snapshot.verifying_keys.get(unverified.kid)
        if key is None:
            raise KeyUnknown
        jws.verify(unverified, key)
