"""Where clocks differ, one that is behind may find two rotations that are still to come."""

from itertools import pairwise

import pytest
from support.key_histories import BEGIN, HOUR, found, importing, lived, revoking

from token_server.signing.lifecycle import Keyset, active
from token_server.signing.outcomes import Revoked
from token_server.signing.rotation import Role

BEHIND = 2 * HOUR - HOUR / 360
# The key x signs from the second hour on, y from the third.
TWO_AHEAD = (
    (HOUR, importing("x", Role.ACTIVE)),
    (2 * HOUR, importing("y", Role.ACTIVE)),
)


@pytest.mark.parametrize(
    ("revoked", "signing", "from_then_on"),
    [
        ("a", "b", ["b", "x", "y"]),
        ("b", "a", ["a", "x", "y"]),
        ("x", "a", ["a", "a", "y"]),
        ("y", "a", ["a", "x", "x"]),
    ],
)
def test_any_key_can_be_revoked_and_what_else_is_scheduled_stays_so(
    revoked: str, signing: str, from_then_on: list[str]
) -> None:
    keyset, outcome = lived(*TWO_AHEAD, (BEHIND, revoking(revoked)))
    assert isinstance(outcome, Revoked)
    assert (outcome.signing, outcome.cancelled) == (signing, revoked in "xy")
    ages = (BEHIND, 2 * HOUR, 3 * HOUR)
    assert [active(keyset, BEGIN + age).kid for age in ages] == from_then_on
    assert not overlapping(keyset)


def test_the_next_key_steps_in_sooner_where_verifiers_know_no_other() -> None:
    history = (*TWO_AHEAD, (BEHIND, revoking("b")), (BEHIND, revoking("a")))
    keyset, outcome = lived(*history)
    assert isinstance(outcome, Revoked)
    assert outcome.signing == "x"
    assert found(keyset, "x").signs_from == BEGIN + BEHIND
    assert active(keyset, BEGIN + 3 * HOUR).kid == "y"
    assert not overlapping(keyset)


def overlapping(keyset: Keyset) -> list[object]:
    return [
        (before, after)
        for before, after in pairwise(keyset.in_signing_order)
        if before.stops_at != after.signs_from
    ]
