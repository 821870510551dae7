"""Histories of a keyset: commands at ages of it, on keys that are just names."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from token_server.signing.lifecycle import Keyset, PublicKey, SigningKey, first_keyset, state
from token_server.signing.rotation import (
    KeyPolicy,
    Role,
    Step,
    admit,
    lacks_pending,
    revoke,
    rotate,
    with_pending,
)
from token_server.tokens.model import Kid

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
TICK = timedelta(microseconds=1)
DUE = 90 * DAY
POLICY = KeyPolicy(propagation_period=HOUR, rotation_interval=DUE)

Command = Callable[[Keyset, datetime], Step[object]]
History = list[tuple[timedelta, Command]]


def public(kid: str) -> PublicKey:
    return PublicKey(kid=Kid(kid), n=kid, e="AQAB")


FIRST = first_keyset(active=public("a"), pending=public("b"), now=BEGIN)


def due(keyset: Keyset, now: datetime) -> Step[object]:
    return rotate(keyset, now, POLICY)


def at_once(keyset: Keyset, now: datetime) -> Step[object]:
    return rotate(keyset, now, POLICY, at_once=True)


def revoking(kid: str) -> Command:
    return lambda keyset, now: revoke(keyset, Kid(kid), now, POLICY)


def importing(kid: str, role: Role) -> Command:
    return lambda keyset, now: admit(keyset, public(kid), role, now, POLICY)


def lived(*history: tuple[timedelta, Command]) -> tuple[Keyset, object]:
    """The keyset after all commands, and what the last one came to.

    Keys that are announced on the way are named in the order of the alphabet.
    """
    keyset, outcome = FIRST, None
    for age, command in history:
        step = command(keyset, BEGIN + age)
        keyset, outcome = step.keyset, step.outcome
        if lacks_pending(keyset):
            keyset = with_pending(keyset, public("abcdef"[len(keyset.keys)]), BEGIN + age)
    return keyset, outcome


def states(keyset: Keyset, age: timedelta) -> str:
    return " ".join(state(keyset, key, BEGIN + age) for key in keyset.keys)


def found(keyset: Keyset, kid: str) -> SigningKey:
    key = keyset.find(Kid(kid))
    assert key is not None
    return key
