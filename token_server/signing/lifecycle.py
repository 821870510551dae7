"""The life of a signing key: pending, active, retiring, retired; or revoked, from any of them.

A state follows from recorded moments and the clock, so all servers agree without talking:

* Keys sign in the order of `signs_from`. The active key is the first of them that is not revoked
  and whose `stops_at` has not come, so each clock finds exactly one. A clock that is behind the
  one that recorded the moments finds the same key a little longer, never none.
* A pending key is published and does not sign. There is always one: the first is made together
  with the first active key, each later one when the one before it becomes active.
* A retiring key is published, because tokens of its are alive. Inside the grace period it still
  signs a repeated answer, and only that.
* A retired key (`drops_at` has come) and a revoked one are not published. Both are forgotten once
  the last of their tokens has expired, and every server has heard of it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from token_server.tokens.model import LEEWAY, Kid


class KeyState(StrEnum):
    PENDING = "pending"
    ACTIVE = "active"
    RETIRING = "retiring"
    RETIRED = "retired"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicKey:
    """An RSA public key and the name it goes by; numbers as in a JWK (RFC 7518 §6.3.1)."""

    kid: Kid
    n: str
    e: str
    x5c: tuple[str, ...] = ()
    """Its certificate, then those that vouch for it: base64 of DER (RFC 7517 §4.7)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningKey:
    """A public key, and the moments recorded about it; None: not yet decided."""

    public: PublicKey
    announced_at: datetime
    signs_from: datetime | None = None
    stops_at: datetime | None = None
    """When it stops signing: its successor's `signs_from`."""
    drops_at: datetime | None = None
    """When the last token that it signed has expired."""
    revoked_at: datetime | None = None

    @property
    def kid(self) -> Kid:
        return self.public.kid


@dataclass(frozen=True, slots=True, kw_only=True)
class Keyset:
    """All keys that are remembered, in the order they were made."""

    keys: tuple[SigningKey, ...]
    counter: int = 0
    """Every change raises it. 0: an earlier release wrote the keyset, or it is not written yet."""
    by_kid: Mapping[Kid, SigningKey] = field(init=False, repr=False, compare=False)
    in_signing_order: Sequence[SigningKey] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_kid", {key.kid: key for key in self.keys})
        object.__setattr__(self, "in_signing_order", _in_signing_order(self.keys))
        if len(self.by_kid) < len(self.keys):
            raise ValueError("it holds a kid twice")
        last_to_sign = [key for key in self.in_signing_order if key.stops_at is None]
        if len(last_to_sign) != 1:
            raise ValueError(f"it holds {len(last_to_sign)} keys that sign until further notice")

    def find(self, kid: Kid) -> SigningKey | None:
        return self.by_kid.get(kid)


def first_keyset(
    *, active: PublicKey, pending: PublicKey, now: datetime, counter: int = 1
) -> Keyset:
    """The very first key signs at once: nobody can have cached a set without it."""
    return Keyset(
        keys=(
            SigningKey(public=active, announced_at=now, signs_from=now),
            SigningKey(public=pending, announced_at=now),
        ),
        counter=counter,
    )


def active(keyset: Keyset, now: datetime) -> SigningKey:
    """The one key that signs."""
    for key in keyset.in_signing_order:
        if key.stops_at is None or now < key.stops_at:
            return key
    raise AssertionError("a keyset holds a key that signs until further notice")


def state(keyset: Keyset, key: SigningKey, now: datetime) -> KeyState:
    if key.revoked_at is not None:
        return KeyState.REVOKED
    if key == active(keyset, now):
        return KeyState.ACTIVE
    if key.stops_at is None or now < key.stops_at:
        return KeyState.PENDING
    if key.drops_at is None or now < key.drops_at:
        return KeyState.RETIRING
    return KeyState.RETIRED


def published(keyset: Keyset, now: datetime) -> tuple[SigningKey, ...]:
    """What stands in the JWK Set, in the order the keys were made."""
    return tuple(key for key in keyset.keys if is_published(keyset, key, now))


def is_published(keyset: Keyset, key: SigningKey, now: datetime) -> bool:
    return state(keyset, key, now) not in (KeyState.RETIRED, KeyState.REVOKED)


def may_sign(keyset: Keyset, key: SigningKey, now: datetime, *, grace_period: timedelta) -> bool:
    """Whether this key may sign the pair of a session whose record names it.

    That is the active key; or a retiring one, while a repeat must be byte-identical; or the next
    one, where a server whose clock is ahead of ours has begun to sign with it.
    """
    if key.revoked_at is not None or key.signs_from is None:
        return False
    if key.stops_at is not None and key.stops_at + grace_period <= now:
        return False
    return key.signs_from - LEEWAY <= now or key == active(keyset, now)


def needs_private_key(
    keyset: Keyset, key: SigningKey, now: datetime, *, grace_period: timedelta
) -> bool:
    """Whether its private half must be kept: it signs, will sign, or may yet sign a repeat.

    A clock that is behind ours may still need it for the length of the leeway. A key that was
    imported to verify only never had one here.
    """
    if key.signs_from is None and key.stops_at is not None:
        return False
    if key.stops_at is None or state(keyset, key, now) is not KeyState.RETIRING:
        return state(keyset, key, now) in (KeyState.PENDING, KeyState.ACTIVE)
    return now < key.stops_at + grace_period + LEEWAY


def settled(
    keyset: Keyset,
    latest_expiries: Mapping[Kid, datetime],
    heard_at: datetime,
    *,
    longest_lifetime: timedelta,
    propagation_period: timedelta,
) -> Keyset:
    """The keyset with `drops_at` filled in for every key that no server signs with any more.

    `latest_expiries` has the latest expiry of any token that a key may have signed. Of a key that
    it does not name nothing is known, so any of its tokens may live for `longest_lifetime`.
    Servers that have not picked up the stop yet sign on and record more, for as long as the
    propagation period at most: what was heard before that is not the last word on a key.
    """

    def drops_at(key: SigningKey, stopped_at: datetime) -> datetime:
        return latest_expiries.get(key.kid, stopped_at + longest_lifetime) + LEEWAY

    return replace(
        keyset,
        keys=tuple(
            replace(key, drops_at=drops_at(key, key.stops_at))
            if key.stops_at is not None
            and key.drops_at is None
            and key.stops_at + propagation_period <= heard_at
            else key
            for key in keyset.keys
        ),
    )


def remembered(keyset: Keyset, now: datetime) -> Keyset:
    """Without the keys that no living token names: retired, or revoked so long ago.

    Until then a refresh token that a revoked key signed may still be shown, and is honoured.
    """
    return replace(
        keyset,
        keys=tuple(key for key in keyset.keys if key.drops_at is None or now < key.drops_at),
    )


def next_change(keyset: Keyset, now: datetime) -> datetime | None:
    """When, for all that is recorded, a key next changes its state; None: nothing is due."""
    moments = (
        moment
        for key in keyset.keys
        if key.revoked_at is None
        for moment in (key.signs_from, key.stops_at, key.drops_at)
        if moment is not None and now < moment
    )
    return min(moments, default=None)


def _in_signing_order(keys: Iterable[SigningKey]) -> Sequence[SigningKey]:
    begun = [(key.signs_from, key) for key in keys if key.signs_from and not key.revoked_at]
    return [key for _, key in sorted(begun, key=lambda pair: pair[0])]
