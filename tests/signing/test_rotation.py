"""What rotate and revoke do to a keyset: histories by name, and what the last command came to."""

from datetime import timedelta

import pytest
from support.key_histories import (
    BEGIN,
    DAY,
    DUE,
    FIRST,
    HOUR,
    TICK,
    History,
    at_once,
    due,
    lived,
    revoking,
    states,
)

from token_server.signing.lifecycle import KeyState, active
from token_server.signing.outcomes import (
    AlreadyRevoked,
    AlreadyRotated,
    AlreadyScheduled,
    NotDue,
    Revoked,
    Rotated,
    Scheduled,
    UnknownKid,
)
from token_server.signing.rotation import lacks_pending
from token_server.tokens.model import LEEWAY, Kid

A, B, C = map(Kid, "abc")
YOUNG = timedelta(minutes=10)
MINUTE = timedelta(minutes=1)

HISTORIES: list[tuple[str, History, object, timedelta, str]] = [
    (
        "a key that is not due stays",
        [(DUE - TICK, due)],
        NotDue(kid=A, due_at=BEGIN + DUE),
        DUE,
        "active pending",
    ),
    (
        "a key that is due makes way at once, and the next one is announced",
        [(DUE, due)],
        Rotated(kid=B, before=A),
        DUE,
        "retiring active pending",
    ),
    (
        "the new key is due as long after it began to sign",
        [(DUE, due), (2 * DUE - TICK, due)],
        NotDue(kid=B, due_at=BEGIN + 2 * DUE),
        2 * DUE,
        "retiring active pending",
    ),
    (
        "at once, whatever its age",
        [(HOUR, at_once)],
        Rotated(kid=B, before=A),
        HOUR,
        "retiring active pending",
    ),
    (
        "a pending key that verifiers may not know is scheduled, and the one after it announced",
        [(YOUNG, at_once)],
        Scheduled(kid=B, at=BEGIN + HOUR),
        HOUR - TICK,
        "active pending pending",
    ),
    (
        "what is scheduled happens by itself",
        [(YOUNG, at_once)],
        Scheduled(kid=B, at=BEGIN + HOUR),
        HOUR,
        "retiring active pending",
    ),
    (
        "asked again while one is scheduled, nothing changes",
        [(YOUNG, at_once), (2 * YOUNG, at_once)],
        AlreadyScheduled(kid=B, at=BEGIN + HOUR),
        HOUR,
        "retiring active pending",
    ),
    (
        "not even where it is due",
        [(YOUNG, at_once), (2 * YOUNG, due)],
        AlreadyScheduled(kid=B, at=BEGIN + HOUR),
        HOUR,
        "retiring active pending",
    ),
    (
        "asked again before every server may have noticed the last one, nothing changes",
        [(DAY, at_once), (DAY + HOUR / 4 - TICK, at_once)],
        AlreadyRotated(kid=B, since=BEGIN + DAY, ask_again_at=BEGIN + DAY + HOUR / 4),
        DAY + HOUR,
        "retiring active pending",
    ),
    (
        "asked again later, the next one is scheduled",
        [(DAY, at_once), (DAY + HOUR / 4, at_once)],
        Scheduled(kid=C, at=BEGIN + DAY + HOUR),
        DAY + HOUR,
        "retiring retiring active pending",
    ),
    (
        "a clock that is behind finds what is scheduled",
        [(DAY, at_once), (DAY - LEEWAY, at_once)],
        AlreadyScheduled(kid=B, at=BEGIN + DAY),
        DAY,
        "retiring active pending",
    ),
    (
        "the active key revoked: the next one signs",
        [(DAY, revoking("a"))],
        Revoked(kid=A, was=KeyState.ACTIVE, signing=B, known_from=None, cancelled=False),
        DAY,
        "revoked active pending",
    ),
    (
        "the active key revoked: the next one signs, also where verifiers may not know it",
        [(DAY, at_once), (DAY + MINUTE, revoking("b"))],
        Revoked(
            kid=B,
            was=KeyState.ACTIVE,
            signing=C,
            known_from=BEGIN + DAY + HOUR,
            cancelled=False,
        ),
        DAY + MINUTE,
        "retiring revoked active pending",
    ),
    (
        "the active key revoked while a rotation is scheduled: it happens now",
        [(YOUNG, at_once), (2 * YOUNG, revoking("a"))],
        Revoked(
            kid=A,
            was=KeyState.ACTIVE,
            signing=B,
            known_from=BEGIN + HOUR,
            cancelled=False,
        ),
        2 * YOUNG,
        "revoked active pending",
    ),
    (
        "the pending key revoked: another is announced",
        [(DAY, revoking("b"))],
        Revoked(kid=B, was=KeyState.PENDING, signing=A, known_from=None, cancelled=False),
        DAY,
        "active revoked pending",
    ),
    (
        "the scheduled key revoked: the rotation is off",
        [(YOUNG, at_once), (2 * YOUNG, revoking("b"))],
        Revoked(kid=B, was=KeyState.PENDING, signing=A, known_from=None, cancelled=True),
        DAY,
        "active revoked pending",
    ),
    (
        "a retiring key revoked: just out",
        [(DAY, at_once), (2 * DAY, revoking("a"))],
        Revoked(kid=A, was=KeyState.RETIRING, signing=B, known_from=None, cancelled=False),
        2 * DAY,
        "revoked active pending",
    ),
    (
        "the key that a clock ahead of ours has activated, revoked: the one before signs on",
        [(DAY, at_once), (DAY - LEEWAY, revoking("b"))],
        Revoked(kid=B, was=KeyState.PENDING, signing=A, known_from=None, cancelled=True),
        DAY,
        "active revoked pending",
    ),
    (
        "revoked once is revoked",
        [(DAY, revoking("a")), (2 * DAY, revoking("a"))],
        AlreadyRevoked(kid=A, revoked_at=BEGIN + DAY),
        2 * DAY,
        "revoked active pending",
    ),
    (
        "what is not there cannot be revoked",
        [(DAY, revoking("x"))],
        UnknownKid(kid=Kid("x")),
        DAY,
        "active pending",
    ),
    (
        "a revocation is a rotation, too: asked on top of it, nothing changes",
        [(DAY, revoking("a")), (DAY + MINUTE, at_once)],
        AlreadyRotated(kid=B, since=BEGIN + DAY, ask_again_at=BEGIN + DAY + HOUR / 4),
        DAY + HOUR,
        "revoked active pending",
    ),
]


@pytest.mark.parametrize(
    ("history", "outcome", "age", "expected"),
    [row[1:] for row in HISTORIES],
    ids=[row[0] for row in HISTORIES],
)
def test_each_command_does_what_is_due_and_no_more(
    history: History, outcome: object, age: timedelta, expected: str
) -> None:
    keyset, last = lived(*history)
    assert last == outcome
    assert states(keyset, age) == expected
    assert not lacks_pending(keyset)


def test_what_changes_nothing_leaves_the_keyset_as_it_is() -> None:
    scheduled, _ = lived((YOUNG, at_once))
    assert at_once(scheduled, BEGIN + 2 * YOUNG).keyset == scheduled
    assert due(FIRST, BEGIN).keyset == FIRST
    assert revoking("x")(FIRST, BEGIN).keyset == FIRST


def test_the_key_before_stops_when_the_next_one_begins() -> None:
    keyset, _ = lived((DUE, due))
    before, after, _ = keyset.keys
    assert before.stops_at == after.signs_from == BEGIN + DUE
    assert active(keyset, BEGIN + DUE - TICK) == before
    assert active(keyset, BEGIN + DUE) == after


def test_a_key_that_is_revoked_has_stopped_when_it_stopped() -> None:
    keyset, _ = lived((DUE, due), (DUE + DAY, revoking("a")), (DUE + DAY, revoking("b")))
    assert [key.stops_at for key in keyset.keys[:2]] == [BEGIN + DUE, BEGIN + DUE + DAY]
