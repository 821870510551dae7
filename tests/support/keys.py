"""Real RSA keys, made once per test run, and keysets of them."""

from datetime import UTC, datetime, timedelta
from functools import cache

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from token_server.signing import rsa_keys
from token_server.signing.keeper import KeysKeeper
from token_server.signing.lifecycle import (
    Keyset,
    PublicKey,
    SigningKey,
    first_keyset,
    needs_private_key,
)
from token_server.tokens.model import Kid

NOW = datetime(2026, 11, 21, 12, 0, 0, 123456, tzinfo=UTC)
GRACE = timedelta(seconds=60)
A_DAY_LATER = NOW + timedelta(days=1)


@cache
def private_key(number: int) -> RSAPrivateKey:  # noqa: ARG001 - it is what the cache tells keys apart by
    """Each number is another key."""
    return rsa_keys.make(2048)


def public_key(number: int) -> PublicKey:
    return rsa_keys.public_part(private_key(number))


def private_keys(*numbers: int) -> dict[Kid, RSAPrivateKey]:
    return {public_key(number).kid: private_key(number) for number in numbers}


def fresh_keyset() -> Keyset:
    """Key 0 is active, key 1 pending."""
    return first_keyset(active=public_key(0), pending=public_key(1), now=NOW)


def rotated_keyset(*, drops_at: datetime | None = None) -> Keyset:
    """Key 0 made way for key 1 a day after NOW; key 2 is pending."""
    return _keyset_of_key_1(drops_at=drops_at)


def revoked_keyset() -> Keyset:
    """Key 0 was revoked a day after NOW: key 1 signs from then on, key 2 is pending."""
    return _keyset_of_key_1(revoked_at=A_DAY_LATER)


def _keyset_of_key_1(
    *, drops_at: datetime | None = None, revoked_at: datetime | None = None
) -> Keyset:
    return Keyset(
        keys=(
            SigningKey(
                public=public_key(0),
                announced_at=NOW,
                signs_from=NOW,
                stops_at=A_DAY_LATER,
                drops_at=drops_at,
                revoked_at=revoked_at,
            ),
            SigningKey(public=public_key(1), announced_at=NOW, signs_from=A_DAY_LATER),
            SigningKey(public=public_key(2), announced_at=A_DAY_LATER),
        )
    )


def opened(keeper: KeysKeeper, now: datetime = NOW) -> dict[Kid, RSAPrivateKey]:
    """The private keys that are needed then."""
    keyset = keeper.load()
    return {
        key.kid: keeper.private_key(key)
        for key in keyset.keys
        if needs_private_key(keyset, key, now, grace_period=GRACE)
    }
