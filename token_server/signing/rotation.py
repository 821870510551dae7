"""What an operator may do to a keyset: rotate, revoke, import; pure functions of it and now.

* A rotation waits until verifiers know the next key: until it has been public for the propagation
  period. Asked sooner, it is scheduled for that moment. Nothing skips the wait but the revocation
  of the key that signs.
* Asked again, nothing changes: neither while a rotation is scheduled, nor until every server has
  had its time to pick up the last one. So it may be asked for on every host at once.
* Every change leaves a pending key: `with_pending` comes after each.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Generic, TypeVar

from token_server.signing.lifecycle import (
    Keyset,
    KeyState,
    PublicKey,
    SigningKey,
    active,
    state,
)
from token_server.signing.outcomes import (
    AlreadyHeld,
    AlreadyRevoked,
    AlreadyRotated,
    AlreadyScheduled,
    Import,
    Imported,
    NotDue,
    Revocation,
    Revoked,
    Rotated,
    Rotation,
    Scheduled,
    UnknownKid,
)
from token_server.tokens.model import Kid

T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyPolicy:
    propagation_period: timedelta
    rotation_interval: timedelta

    @property
    def pick_up_period(self) -> timedelta:
        """How long a server may take to notice a change: its share of the propagation period."""
        return self.propagation_period / 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Step(Generic[T_co]):
    """The keyset after a command, which is the one before where nothing is to change."""

    keyset: Keyset
    outcome: T_co


class Role(StrEnum):
    """As what a key is imported."""

    ACTIVE = "active"
    PENDING = "pending"
    VERIFY_ONLY = "verify-only"


def rotate(
    keyset: Keyset, now: datetime, policy: KeyPolicy, *, at_once: bool = False
) -> Step[Rotation]:
    """Let a pending key sign: where the active one is due, or `at_once`, whatever its age."""
    signing = active(keyset, now)
    if refusal := _refused(keyset, signing, now, policy, at_once=at_once):
        return Step(keyset=keyset, outcome=refusal)
    following = _next_to_sign(keyset)
    known_from = following.announced_at + policy.propagation_period
    outcome: Rotation = Rotated(kid=following.kid, before=signing.kid)
    if now < known_from:
        outcome = Scheduled(kid=following.kid, at=known_from)
    return Step(
        keyset=_handed_over(keyset, signing, following, at=max(now, known_from)), outcome=outcome
    )


def revoke(keyset: Keyset, kid: Kid, now: datetime, policy: KeyPolicy) -> Step[Revocation]:
    """Take a key out at once. Where it signs, another one signs from now on."""
    key = keyset.find(kid)
    if key is None:
        return Step(keyset=keyset, outcome=UnknownKid(kid=kid))
    if key.revoked_at is not None:
        return Step(keyset=keyset, outcome=AlreadyRevoked(kid=kid, revoked_at=key.revoked_at))
    signing = active(keyset, now)
    goes_on, known_from = signing, None
    cancelled = key.signs_from is not None and state(keyset, key, now) is KeyState.PENDING
    if key == signing:
        successor = _successor(keyset, key, now, policy)
        # What is scheduled stays so, unless it is what has to step in.
        of_whose_turn = successor if successor.signs_from else key
        goes_on = replace(successor, signs_from=now, stops_at=of_whose_turn.stops_at)
        known_from = successor.announced_at + policy.propagation_period
    elif cancelled:
        # Where clocks differ, there may be two before it and one after it that still wait.
        goes_on = replace(_before(keyset, key), stops_at=key.stops_at)
    revoked = replace(
        key,
        revoked_at=now,
        signs_from=None if cancelled else key.signs_from,
        stops_at=min(now, key.stops_at or now),
    )
    outcome = Revoked(
        kid=kid,
        was=state(keyset, key, now),
        signing=goes_on.kid if key == signing else signing.kid,
        known_from=known_from if known_from and now < known_from else None,
        cancelled=cancelled,
    )
    return Step(keyset=_with(keyset, revoked, goes_on), outcome=outcome)


def admit(
    keyset: Keyset, public: PublicKey, role: Role, now: datetime, policy: KeyPolicy
) -> Step[Import]:
    """Take in a key that was made elsewhere.

    Not even an active one skips the wait: it is the next to sign, once verifiers know it.
    """
    for key in keyset.keys:
        if key.kid == public.kid or (key.public.n, key.public.e) == (public.n, public.e):
            return Step(keyset=keyset, outcome=AlreadyHeld(kid=key.kid))
    imported = SigningKey(public=public, announced_at=now)
    if role is Role.VERIFY_ONLY:
        imported = replace(imported, stops_at=now)
    after = replace(keyset, keys=(*keyset.keys, imported))
    if role is not Role.ACTIVE:
        return Step(keyset=after, outcome=Imported(kid=public.kid, signs_from=None))
    signing = active(keyset, now)
    if already := _already_scheduled(keyset, signing):
        return Step(keyset=keyset, outcome=already)
    at = now + policy.propagation_period
    return Step(
        keyset=_handed_over(after, signing, imported, at=at),
        outcome=Imported(kid=public.kid, signs_from=at),
    )


def is_next_to_sign(keyset: Keyset, key: SigningKey) -> bool:
    return key == _next_to_sign(keyset)


def lacks_pending(keyset: Keyset) -> bool:
    return not any(_pending(keyset))


def with_pending(keyset: Keyset, spare: PublicKey, now: datetime) -> Keyset:
    """Announce the next signer: long before anyone needs it."""
    return replace(keyset, keys=(*keyset.keys, SigningKey(public=spare, announced_at=now)))


def _next_to_sign(keyset: Keyset) -> SigningKey:
    """The pending key that was announced last: one that was imported goes first."""
    return max(_pending(keyset), key=lambda key: key.announced_at)


def _refused(
    keyset: Keyset, signing: SigningKey, now: datetime, policy: KeyPolicy, *, at_once: bool
) -> Rotation | None:
    since = signing.signs_from or signing.announced_at
    if already := _already_scheduled(keyset, signing):
        return already
    if not at_once and now < since + policy.rotation_interval:
        return NotDue(kid=signing.kid, due_at=since + policy.rotation_interval)
    took_over = any(key.stops_at == since for key in keyset.keys)
    if took_over and now < since + policy.pick_up_period:
        return AlreadyRotated(
            kid=signing.kid, since=since, ask_again_at=since + policy.pick_up_period
        )
    return None


def _already_scheduled(keyset: Keyset, signing: SigningKey) -> AlreadyScheduled | None:
    if signing.stops_at is None:
        return None
    return AlreadyScheduled(kid=_after(keyset, signing).kid, at=signing.stops_at)


def _successor(
    keyset: Keyset, signing: SigningKey, now: datetime, policy: KeyPolicy
) -> SigningKey:
    """The last one that verifiers know; else the one that they will know first."""
    by_age = sorted(_pending(keyset), key=lambda key: key.announced_at)
    known = [key for key in by_age if key.announced_at + policy.propagation_period <= now]
    if known:
        return known[-1]
    return by_age[0] if signing.stops_at is None else _after(keyset, signing)


def _after(keyset: Keyset, signing: SigningKey) -> SigningKey:
    order = keyset.in_signing_order
    return order[order.index(signing) + 1]


def _before(keyset: Keyset, scheduled: SigningKey) -> SigningKey:
    order = keyset.in_signing_order
    return order[order.index(scheduled) - 1]


def _pending(keyset: Keyset) -> Iterator[SigningKey]:
    """Those of which nothing is decided yet."""
    return (key for key in keyset.keys if not (key.signs_from or key.stops_at or key.revoked_at))


def _handed_over(
    keyset: Keyset, signing: SigningKey, following: SigningKey, *, at: datetime
) -> Keyset:
    return _with(keyset, replace(signing, stops_at=at), replace(following, signs_from=at))


def _with(keyset: Keyset, *changed: SigningKey) -> Keyset:
    by_kid = {key.kid: key for key in changed}
    return replace(keyset, keys=tuple(by_kid.get(key.kid, key) for key in keyset.keys))
