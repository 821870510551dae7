"""Showing a refresh token: every rule of refresh.lua, on a real Valkey."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from msgspec import structs
from redis.asyncio import Redis
from support.moments import MovableClock
from support.sessions import POLICY, Desk, outcome_of, session_of, sessions_on

from token_server.tokens.model import EndReason, Kid, Subject
from token_server.tokens.outcomes import (
    Ended,
    Expired,
    Late,
    Outcome,
    Reused,
    Unknown,
)

pytestmark = pytest.mark.anyio


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


@pytest.fixture
async def desk(redis: Redis) -> Desk:
    return Desk(await sessions_on(redis))


async def test_showing_the_current_token_rotates(desk: Desk, clock: MovableClock) -> None:
    session = await desk.begin(clock())
    clock.move(minutes=1)
    rotated = await desk.show(session, 0, clock())
    assert outcome_of(rotated) is Outcome.ROTATED
    assert (session_of(rotated).generation, session_of(rotated).base) == (1, 0)
    assert session_of(rotated).issued_at == clock()
    assert session_of(rotated).began_at == session.began_at


async def test_of_200_showings_at_once_one_rotates_and_all_get_the_same_record(
    desk: Desk, clock: MovableClock
) -> None:
    session = await desk.begin(clock())
    showings = await asyncio.gather(*(desk.show(session, 0, clock()) for _ in range(200)))
    assert [outcome_of(one) for one in showings].count(Outcome.ROTATED) == 1
    assert len({session_of(one) for one in showings}) == 1


async def test_a_spent_token_repeats_inside_the_grace_period_and_recovers_after_it(
    desk: Desk, clock: MovableClock
) -> None:
    session = await desk.begin(clock())
    first = session_of(await desk.show(session, 0, clock()))
    clock.move(seconds=59.999999)
    repeated = await desk.show(session, 0, clock())
    assert (outcome_of(repeated), session_of(repeated)) == (Outcome.REPEATED, first)
    clock.move(microseconds=1)
    recovered = await desk.show(session, 0, clock())
    assert outcome_of(recovered) is Outcome.RECOVERED
    assert (session_of(recovered).generation, session_of(recovered).base) == (2, 0)


async def test_a_void_successor_that_turns_up_after_all_ends_the_session(
    desk: Desk, clock: MovableClock
) -> None:
    session = await desk.begin(clock())
    await desk.show(session, 0, clock())
    clock.move(minutes=2)
    await desk.show(session, 0, clock())
    assert await desk.show(session, 1, clock()) == Reused()
    assert await desk.show(session, 2, clock()) == Ended(because=EndReason.REUSE)


async def test_a_token_spent_before_the_base_ends_the_session(
    desk: Desk, clock: MovableClock
) -> None:
    session = await desk.begin(clock())
    await desk.show(session, 0, clock())
    await desk.show(session, 1, clock())
    assert await desk.show(session, 0, clock()) == Reused()


async def test_without_grace_and_recovery_a_spent_token_ends_the_session_at_once(
    desk: Desk, clock: MovableClock
) -> None:
    strict = desk.with_policy(
        structs.replace(POLICY, grace_period=timedelta(0), recovery_period=timedelta(0))
    )
    session = await strict.begin(clock())
    await strict.show(session, 0, clock())
    assert await strict.show(session, 0, clock()) == Reused()


async def test_a_clock_that_stepped_back_gives_no_grace_where_there_is_none_and_ends_nothing(
    desk: Desk, clock: MovableClock
) -> None:
    none = timedelta(0)
    strict = desk.with_policy(structs.replace(POLICY, grace_period=none, recovery_period=none))
    session = await strict.begin(clock())
    await strict.show(session, 0, clock())
    clock.move(seconds=-1)
    assert await strict.show(session, 0, clock()) == Late()
    clock.move(seconds=1)
    assert await strict.show(session, 0, clock()) == Reused()


@pytest.mark.parametrize("generation", [0, 1, 2, 3])
async def test_whatever_is_shown_once_the_current_token_has_expired_the_record_decides(
    desk: Desk, clock: MovableClock, generation: int
) -> None:
    """Who stole a signing key may write any expiry into a genuine token."""
    session = await desk.begin(clock())
    await desk.show(session, 0, clock())
    expires_at = session_of(await desk.show(session, 1, clock())).refresh_token_expires_at
    assert await desk.show(session, generation, expires_at) == Expired()
    before = expires_at - timedelta(microseconds=1)
    assert await desk.show(session, generation, before) != Expired()


async def test_a_recovery_prolongs_no_token_that_was_shown_before(
    desk: Desk, clock: MovableClock
) -> None:
    """Who stole a signing key may write any expiry into a genuine token."""
    session = await desk.begin(clock())
    await desk.show(session, 0, clock())
    clock.move(days=10)
    assert outcome_of(await desk.show(session, 0, clock())) is Outcome.RECOVERED
    assert await desk.show(session, 0, session.refresh_token_expires_at) == Expired()


async def test_recovery_ends_with_its_period(desk: Desk, clock: MovableClock) -> None:
    desk = desk.with_policy(structs.replace(POLICY, recovery_period=timedelta(hours=1)))
    session = await desk.begin(clock())
    await desk.show(session, 0, clock())
    clock.move(hours=1)
    assert await desk.show(session, 0, clock()) == Reused()


async def test_our_own_retry_is_recognised_also_without_a_grace_period(
    desk: Desk, clock: MovableClock
) -> None:
    strict = desk.with_policy(
        structs.replace(POLICY, grace_period=timedelta(0), recovery_period=timedelta(0))
    )
    session, attempt = await strict.begin(clock()), strict.attempt()
    first = await strict.show(session, 0, clock(), attempt)
    assert await strict.show(session, 0, clock(), attempt) == first


async def test_our_own_retry_of_a_recovery_and_of_a_reuse_says_the_same_again(
    desk: Desk, clock: MovableClock
) -> None:
    session, attempt = await desk.begin(clock()), desk.attempt()
    await desk.show(session, 0, clock())
    clock.move(hours=1)
    recovered = await desk.show(session, 0, clock(), attempt)
    assert outcome_of(recovered) is Outcome.RECOVERED
    assert await desk.show(session, 0, clock(), attempt) == recovered
    attempt = desk.attempt()
    assert await desk.show(session, 1, clock(), attempt) == Reused()
    assert await desk.show(session, 1, clock(), attempt) == Reused()


@pytest.mark.parametrize("shown", [7, 2**31 - 2], ids=["seven", "the last that is read"])
async def test_a_generation_above_the_stores_own_rolls_the_session_forward(
    desk: Desk, clock: MovableClock, shown: int
) -> None:
    session = await desk.begin(clock())
    rolled = await desk.show(session, shown, clock())
    assert outcome_of(rolled) is Outcome.ROLLED_FORWARD
    assert (session_of(rolled).generation, session_of(rolled).base) == (shown + 1, shown)
    assert outcome_of(await desk.show(session, shown, clock())) is Outcome.REPEATED


async def test_a_clock_that_stepped_back_takes_no_grace_away(
    desk: Desk, clock: MovableClock
) -> None:
    session = await desk.begin(clock())
    await desk.show(session, 0, clock())
    clock.move(hours=-1)
    assert outcome_of(await desk.show(session, 0, clock())) is Outcome.REPEATED


async def test_a_session_nobody_began_is_unknown(desk: Desk, clock: MovableClock) -> None:
    session = await desk.begin(clock())
    stranger = structs.replace(session, subject=Subject("bob"))
    assert await desk.show(stranger, 0, clock()) == Unknown()


async def test_the_kid_of_the_current_pair_is_remembered(desk: Desk, clock: MovableClock) -> None:
    session = await desk.begin(clock())
    other = replace(desk, kid=Kid("k2"))
    assert session_of(await other.show(session, 0, clock())).kid == "k2"
    assert session_of(await desk.show(session, 0, clock())).kid == "k2"


async def test_a_request_that_was_overtaken_on_its_way_is_late_and_no_reuse(
    desk: Desk, clock: MovableClock
) -> None:
    session = await desk.begin(clock())
    arrived = clock()
    clock.move(milliseconds=5)
    await desk.show(session, 0, clock())
    clock.move(milliseconds=5)
    current = session_of(await desk.show(session, 1, clock()))
    late = await desk.show(session, 0, arrived)
    assert (outcome_of(late), session_of(late)) == (Outcome.REPEATED, current)
    assert await desk.show(session, 0, clock()) == Reused()


@pytest.mark.parametrize(
    ("grace", "late_by"),
    [
        (timedelta(0), timedelta(milliseconds=5)),
        (timedelta(milliseconds=5), timedelta(milliseconds=5)),
        (timedelta(seconds=60), timedelta(seconds=2)),
    ],
)
async def test_what_was_overtaken_longer_ago_gets_no_pair_and_ends_nothing(
    desk: Desk, clock: MovableClock, grace: timedelta, late_by: timedelta
) -> None:
    desk = desk.with_policy(structs.replace(POLICY, grace_period=grace))
    session = await desk.begin(clock())
    arrived = clock()
    clock.now += late_by
    await desk.show(session, 0, clock())
    await desk.show(session, 1, clock())
    assert await desk.show(session, 0, arrived) == Late()
    assert outcome_of(await desk.show(session, 2, clock())) is Outcome.ROTATED
