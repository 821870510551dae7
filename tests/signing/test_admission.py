"""A key that was made elsewhere: as what it is taken in, and what it may not skip."""

from datetime import timedelta

import pytest
from support.key_histories import (
    BEGIN,
    DAY,
    FIRST,
    HOUR,
    POLICY,
    TICK,
    History,
    at_once,
    importing,
    lived,
    revoking,
    states,
)

from token_server.signing.lifecycle import KeyState, PublicKey
from token_server.signing.outcomes import (
    AlreadyHeld,
    AlreadyScheduled,
    Imported,
    Revoked,
    Rotated,
)
from token_server.signing.rotation import Role, admit, lacks_pending
from token_server.tokens.model import Kid

A, B = map(Kid, "ab")
YOUNG = timedelta(minutes=10)
MINUTE = timedelta(minutes=1)

HISTORIES: list[tuple[str, History, object, timedelta, str]] = [
    (
        "imported as active: it signs once verifiers know it, and the pending key stays",
        [(DAY, importing("i", Role.ACTIVE))],
        Imported(kid=Kid("i"), signs_from=BEGIN + DAY + HOUR),
        DAY + HOUR - TICK,
        "active pending pending",
    ),
    (
        "imported as active, an hour later",
        [(DAY, importing("i", Role.ACTIVE))],
        Imported(kid=Kid("i"), signs_from=BEGIN + DAY + HOUR),
        DAY + HOUR,
        "retiring pending active",
    ),
    (
        "imported as active while a rotation is scheduled: refused",
        [(YOUNG, at_once), (2 * YOUNG, importing("i", Role.ACTIVE))],
        AlreadyScheduled(kid=B, at=BEGIN + HOUR),
        DAY,
        "retiring active pending",
    ),
    (
        "imported as active, and young: in an emergency the key signs that verifiers know",
        [(DAY, importing("i", Role.ACTIVE)), (DAY + MINUTE, revoking("a"))],
        Revoked(kid=A, was=KeyState.ACTIVE, signing=B, known_from=None, cancelled=False),
        DAY + MINUTE,
        "revoked active pending pending",
    ),
    (
        "imported as active, and young: after the emergency it signs as scheduled",
        [(DAY, importing("i", Role.ACTIVE)), (DAY + MINUTE, revoking("a"))],
        Revoked(kid=A, was=KeyState.ACTIVE, signing=B, known_from=None, cancelled=False),
        DAY + HOUR,
        "revoked retiring active pending",
    ),
    (
        "imported as pending: it is the next one to sign",
        [(DAY, importing("i", Role.PENDING)), (2 * DAY, at_once)],
        Rotated(kid=Kid("i"), before=A),
        2 * DAY,
        "retiring pending active",
    ),
    (
        "imported as pending, and young: in an emergency the key signs that verifiers know",
        [(DAY, importing("i", Role.PENDING)), (DAY + MINUTE, revoking("a"))],
        Revoked(kid=A, was=KeyState.ACTIVE, signing=B, known_from=None, cancelled=False),
        DAY + MINUTE,
        "revoked active pending",
    ),
    (
        "imported as pending, and known: in an emergency it signs, as it would have next",
        [(DAY, importing("i", Role.PENDING)), (DAY + HOUR, revoking("a"))],
        Revoked(kid=A, was=KeyState.ACTIVE, signing=Kid("i"), known_from=None, cancelled=False),
        DAY + HOUR,
        "revoked pending active",
    ),
    (
        "imported to verify only: published, and never signs",
        [(DAY, importing("i", Role.VERIFY_ONLY)), (2 * DAY, at_once)],
        Rotated(kid=B, before=A),
        2 * DAY,
        "retiring active retiring pending",
    ),
    (
        "imported twice: refused",
        [(DAY, importing("i", Role.PENDING)), (2 * DAY, importing("i", Role.ACTIVE))],
        AlreadyHeld(kid=Kid("i")),
        2 * DAY,
        "active pending pending",
    ),
]


@pytest.mark.parametrize(
    ("history", "outcome", "age", "expected"),
    [row[1:] for row in HISTORIES],
    ids=[row[0] for row in HISTORIES],
)
def test_an_imported_key_waits_like_any_other(
    history: History, outcome: object, age: timedelta, expected: str
) -> None:
    keyset, last = lived(*history)
    assert last == outcome
    assert states(keyset, age) == expected
    assert not lacks_pending(keyset)


def test_the_same_key_under_another_name_is_held_already() -> None:
    twin = PublicKey(kid=Kid("twin"), n=FIRST.keys[0].public.n, e="AQAB")
    assert admit(FIRST, twin, Role.PENDING, BEGIN, POLICY).outcome == AlreadyHeld(kid=A)
