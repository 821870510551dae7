"""What comes next for a signing key, when, and why: in words, for `keys list`."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from token_server.signing.lifecycle import Keyset, KeyState, SigningKey, state
from token_server.signing.rotation import KeyPolicy, is_next_to_sign

_UNITS = {"d": timedelta(days=1), "h": timedelta(hours=1), "m": timedelta(minutes=1)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    change: str
    at: datetime | None = None
    why: str


def outlook(keyset: Keyset, key: SigningKey, now: datetime, policy: KeyPolicy) -> Outlook:
    match state(keyset, key, now):
        case KeyState.PENDING:
            return _of_pending(keyset, key, now, policy)
        case KeyState.ACTIVE:
            return _of_active(key, policy)
        case KeyState.RETIRING:
            return _of_retiring(key)
        case KeyState.RETIRED:
            return Outlook(change="-", why="its last token has expired")
        case KeyState.REVOKED:
            return Outlook(change="-", why="an operator has revoked it")


def age(key: SigningKey, now: datetime) -> str:
    """Since it was announced."""
    length = now - key.announced_at
    for unit, size in _UNITS.items():
        if length >= size:
            return f"{length // size}{unit}"
    return f"{max(length, timedelta(0)).seconds}s"


def _of_pending(keyset: Keyset, key: SigningKey, now: datetime, policy: KeyPolicy) -> Outlook:
    if key.signs_from:
        return Outlook(change="signs", at=key.signs_from, why="a rotation is scheduled")
    known_from = key.announced_at + policy.propagation_period
    if now < known_from:
        return Outlook(change="may sign", at=known_from, why="verifiers may not know it yet")
    if is_next_to_sign(keyset, key):
        return Outlook(change="signs after the next rotation", why="verifiers know it")
    return Outlook(change="signs after a later rotation", why="another one is before it")


def _of_active(key: SigningKey, policy: KeyPolicy) -> Outlook:
    if key.stops_at:
        return Outlook(change="stops signing", at=key.stops_at, why="a rotation is scheduled")
    since = key.signs_from or key.announced_at
    return Outlook(
        change="is due for rotation",
        at=since + policy.rotation_interval,
        why="KEY_ROTATION_INTERVAL after it began to sign",
    )


def _of_retiring(key: SigningKey) -> Outlook:
    why = "its last token expires then"
    if key.signs_from is None:
        why = "it was imported to verify only"
    if key.drops_at:
        return Outlook(change="leaves the JWK Set", at=key.drops_at, why=why)
    return Outlook(
        change="leaves the JWK Set with its last token",
        why="servers record when, once all of them have stopped to sign with it",
    )
