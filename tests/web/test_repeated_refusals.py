"""A client that shows a refused token in a tight loop is stopped, cheaply and not for ever."""

from datetime import timedelta

import pytest
from support.moments import MovableClock
from support.web_room import WebRoom

from token_server.tokens.refusals import TooManyAttempts
from token_server.web.repeats import CAPACITY, MOST_REFUSALS, RepeatedRefusals


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


@pytest.fixture
def repeats(clock: MovableClock) -> RepeatedRefusals:
    return RepeatedRefusals(clock)


def refuse(repeats: RepeatedRefusals, token: str, *, times: int = 1) -> None:
    for _ in range(times):
        repeats.check(token)
        repeats.note(token)


def test_sixty_refusals_are_answered_and_then_none(
    repeats: RepeatedRefusals, clock: MovableClock
) -> None:
    refuse(repeats, "dead", times=MOST_REFUSALS)
    clock.move(seconds=20)
    with pytest.raises(TooManyAttempts) as refused:
        repeats.check("dead")
    assert refused.value.retry_in == timedelta(seconds=40)
    repeats.check("another")


def test_who_waits_is_answered_again(repeats: RepeatedRefusals, clock: MovableClock) -> None:
    refuse(repeats, "dead", times=MOST_REFUSALS)
    clock.move(seconds=60)
    refuse(repeats, "dead", times=MOST_REFUSALS)
    with pytest.raises(TooManyAttempts):
        repeats.check("dead")


def test_refusals_far_apart_are_never_too_many(
    repeats: RepeatedRefusals, clock: MovableClock
) -> None:
    for _ in range(MOST_REFUSALS * 3):
        refuse(repeats, "dead")
        clock.move(seconds=2)


def test_a_clock_set_back_locks_nobody_out(repeats: RepeatedRefusals, clock: MovableClock) -> None:
    refuse(repeats, "dead", times=MOST_REFUSALS)
    clock.move(days=-1)
    repeats.check("dead")


def test_memory_is_bounded_and_the_busiest_token_stays(repeats: RepeatedRefusals) -> None:
    """A flood of other tokens pushes out only what is not shown any more."""
    refuse(repeats, "dead", times=MOST_REFUSALS)
    for number in range(2 * CAPACITY):
        repeats.note(f"other {number}")
        if number % 1000 == 0:
            with pytest.raises(TooManyAttempts):
                repeats.check("dead")
    for number in range(CAPACITY):
        repeats.note(f"another {number}")
    repeats.check("dead")


@pytest.mark.anyio
async def test_a_tight_loop_stops_asking_the_rules() -> None:
    room = WebRoom()
    body = "grantType=RefreshToken&refreshToken=ended"
    statuses = [(await room.token(body)).status_code for _ in range(MOST_REFUSALS + 40)]
    assert statuses == [401] * MOST_REFUSALS + [429] * 40
    assert len(room.ledger.refreshed) == MOST_REFUSALS
    room.clock.move(seconds=60)
    assert (await room.token(body)).status_code == 401


@pytest.mark.anyio
async def test_an_outage_counts_for_nobody() -> None:
    """Who retries through an outage must get through once it is over."""
    room = WebRoom()
    body = "grantType=RefreshToken&refreshToken=while-the-store-is-away"
    for _ in range(MOST_REFUSALS + 5):
        assert (await room.token(body)).status_code == 503
