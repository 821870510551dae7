"""The states of a signing key: histories by name, and what holds of every history."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from token_server.signing.lifecycle import (
    Keyset,
    KeyState,
    PublicKey,
    SigningKey,
    active,
    first_keyset,
    may_sign,
    needs_private_key,
    next_change,
    published,
    state,
)
from token_server.tokens.model import LEEWAY, Kid

DAY = timedelta(days=1)
TICK = timedelta(microseconds=1)
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
ROTATION = BEGIN + 90 * DAY
DROP = ROTATION + 14 * DAY
GRACE = timedelta(seconds=60)


def named(
    kid: str,
    signs_from: datetime | None = None,
    stops_at: datetime | None = None,
    drops_at: datetime | None = None,
    revoked_at: datetime | None = None,
) -> SigningKey:
    return SigningKey(
        public=PublicKey(kid=Kid(kid), n=kid, e="AQAB"),
        announced_at=BEGIN,
        signs_from=signs_from,
        stops_at=stops_at,
        drops_at=drops_at,
        revoked_at=revoked_at,
    )


FIRST = first_keyset(active=named("a").public, pending=named("b").public, now=BEGIN)
SCHEDULED = Keyset(keys=(named("a", BEGIN, ROTATION), named("b", ROTATION)))
ROTATED = Keyset(keys=(named("a", BEGIN, ROTATION, DROP), named("b", ROTATION), named("c")))
REVOKED = Keyset(
    keys=(named("a", BEGIN, ROTATION, None, ROTATION), named("b", ROTATION), named("c"))
)
PENDING_REVOKED = Keyset(keys=(named("a", BEGIN), named("b", revoked_at=BEGIN + DAY), named("c")))
VERIFY_ONLY = Keyset(keys=(named("old", None, BEGIN, DROP), named("a", BEGIN), named("b")))

HISTORIES: list[tuple[str, Keyset, datetime, str]] = [
    ("the first keyset", FIRST, BEGIN, "active pending"),
    ("the first keyset, years later", FIRST, BEGIN + 4000 * DAY, "active pending"),
    ("the first keyset, a clock behind", FIRST, BEGIN - DAY, "active pending"),
    ("scheduled, before its moment", SCHEDULED, ROTATION - TICK, "active pending"),
    ("scheduled, at its moment", SCHEDULED, ROTATION, "retiring active"),
    ("rotated", ROTATED, ROTATION, "retiring active pending"),
    ("rotated, a clock behind", ROTATED, ROTATION - TICK, "active pending pending"),
    ("rotated, last token alive", ROTATED, DROP - TICK, "retiring active pending"),
    ("rotated, last token expired", ROTATED, DROP, "retired active pending"),
    ("active key revoked", REVOKED, ROTATION, "revoked active pending"),
    ("active key revoked, a clock behind", REVOKED, BEGIN, "revoked active pending"),
    ("pending key revoked", PENDING_REVOKED, BEGIN, "active revoked pending"),
    ("imported to verify only", VERIFY_ONLY, BEGIN, "retiring active pending"),
    ("imported to verify only, expired", VERIFY_ONLY, DROP, "retired active pending"),
]


@pytest.mark.parametrize(
    ("keyset", "now", "states"), [row[1:] for row in HISTORIES], ids=[row[0] for row in HISTORIES]
)
def test_states_follow_from_moments_and_clock(keyset: Keyset, now: datetime, states: str) -> None:
    assert [state(keyset, key, now) for key in keyset.keys] == states.split()


def test_the_set_shows_pending_active_and_retiring_keys_in_the_order_they_were_made() -> None:
    assert [key.kid for key in published(ROTATED, ROTATION)] == ["a", "b", "c"]
    assert [key.kid for key in published(ROTATED, DROP)] == ["b", "c"]
    assert [key.kid for key in published(REVOKED, ROTATION)] == ["b", "c"]
    assert [key.kid for key in published(REVOKED, BEGIN)] == ["b", "c"], "at once, on any clock"


@pytest.mark.parametrize(
    ("keyset", "kid", "now", "allowed"),
    [
        (FIRST, "a", BEGIN, True),
        (FIRST, "a", BEGIN - DAY, True),
        (FIRST, "b", BEGIN, False),
        (ROTATED, "a", ROTATION + GRACE - TICK, True),
        (ROTATED, "a", ROTATION + GRACE, False),
        (ROTATED, "b", ROTATION, True),
        (ROTATED, "b", ROTATION - LEEWAY, True),
        (ROTATED, "b", ROTATION - LEEWAY - TICK, False),
        (ROTATED, "c", DROP, False),
        (REVOKED, "a", BEGIN, False),
        (REVOKED, "b", BEGIN, True),
        (VERIFY_ONLY, "old", BEGIN, False),
    ],
)
def test_a_key_may_sign_while_active_and_for_repeats_in_the_grace_period(
    keyset: Keyset, kid: str, now: datetime, *, allowed: bool
) -> None:
    key = keyset.find(Kid(kid))
    assert key is not None
    assert may_sign(keyset, key, now, grace_period=GRACE) is allowed


def test_a_key_to_verify_only_needs_no_private_half_on_any_clock() -> None:
    """A clock that is behind finds it pending."""
    key = VERIFY_ONLY.find(Kid("old"))
    assert key is not None
    assert key.stops_at is not None
    for now in (key.stops_at - LEEWAY, key.stops_at):
        assert not needs_private_key(VERIFY_ONLY, key, now, grace_period=GRACE)


def test_without_a_grace_period_a_key_stops_signing_at_its_moment() -> None:
    key = ROTATED.keys[0]
    assert not may_sign(ROTATED, key, ROTATION, grace_period=timedelta(0))


def test_the_next_change_is_the_nearest_recorded_moment_ahead() -> None:
    assert next_change(FIRST, BEGIN) is None
    assert next_change(ROTATED, BEGIN) == ROTATION
    assert next_change(ROTATED, ROTATION) == DROP
    assert next_change(ROTATED, DROP) is None
    revoked = Keyset(keys=(named("a", BEGIN, ROTATION, DROP, BEGIN), named("b", ROTATION)))
    assert next_change(revoked, ROTATION) is None, "its moments no longer matter"


@pytest.mark.parametrize(
    ("keys", "fault"),
    [
        ((), "0 keys"),
        ((named("a"),), "0 keys"),
        ((named("a", BEGIN, ROTATION),), "0 keys"),
        ((named("a", BEGIN, None, None, ROTATION), named("b")), "0 keys"),
        ((named("a", BEGIN), named("b", ROTATION)), "2 keys"),
        ((named("a", BEGIN), named("a")), "twice"),
    ],
)
def test_no_keyset_without_exactly_one_key_that_signs_until_further_notice(
    keys: tuple[SigningKey, ...], fault: str
) -> None:
    with pytest.raises(ValueError, match=fault):
        Keyset(keys=keys)


@st.composite
def histories(draw: st.DrawFn) -> Keyset:
    """Rotations at random moments, some keys revoked, some dropped, one pending."""
    gaps = draw(st.lists(st.integers(1, 1000), min_size=1, max_size=6))
    moments = [BEGIN + timedelta(seconds=sum(gaps[:count])) for count in range(len(gaps) + 1)]
    keys = []
    for number, (signs_from, stops_at) in enumerate(pairwise(moments)):
        drops_in = draw(st.none() | st.integers(0, 500))
        keys.append(
            named(
                str(number),
                signs_from,
                stops_at,
                None if drops_in is None else stops_at + timedelta(seconds=drops_in),
                draw(st.none() | st.just(stops_at)),
            )
        )
    return Keyset(keys=(*keys, named("last", moments[-1]), named("pending")))


clocks = st.integers(-2000, 9000).map(lambda seconds: BEGIN + timedelta(seconds=seconds))


@given(keyset=histories(), now=clocks)
def test_in_any_history_at_any_clock_exactly_one_published_key_is_active(
    keyset: Keyset, now: datetime
) -> None:
    states = [state(keyset, key, now) for key in keyset.keys]
    assert states.count(KeyState.ACTIVE) == 1
    assert states[-1] == KeyState.PENDING
    signer = active(keyset, now)
    assert signer.revoked_at is None
    assert signer in published(keyset, now)
    assert may_sign(keyset, signer, now, grace_period=timedelta(0))


@given(keyset=histories(), now=clocks)
def test_nothing_changes_before_the_next_change(keyset: Keyset, now: datetime) -> None:
    change = next_change(keyset, now)
    until = now + 1000 * DAY if change is None else change - TICK
    assert until >= now
    assert published(keyset, until) == published(keyset, now)
    assert active(keyset, until) == active(keyset, now)


@given(keyset=histories(), earlier=clocks, later=clocks)
def test_no_key_goes_back_to_a_state_that_it_left(
    keyset: Keyset, earlier: datetime, later: datetime
) -> None:
    order = list(KeyState)
    first, second = sorted((earlier, later))
    for key in keyset.keys:
        assert order.index(state(keyset, key, first)) <= order.index(state(keyset, key, second))
