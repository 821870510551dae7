"""The session store, how sessions begin, end and expire, on a real Valkey."""

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from msgspec import structs
from redis.asyncio import Redis
from support.moments import MovableClock
from support.sessions import ALICE, KID, POLICY, Desk, outcome_of, session_of, sessions_on

from token_server.store import names
from token_server.system import RandomIds
from token_server.tokens.model import LEEWAY, EndReason, Kid, NewSession, Session, Subject
from token_server.tokens.moments import to_micros
from token_server.tokens.outcomes import (
    AccountBarred,
    Done,
    Ended,
    Outcome,
)
from token_server.tokens.refusals import StoreMemoryLost

pytestmark = pytest.mark.anyio


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


@pytest.fixture
async def desk(redis: Redis) -> Desk:
    return Desk(await sessions_on(redis))


async def test_a_new_session_is_at_generation_0_and_lives_as_the_policy_says(
    desk: Desk, clock: MovableClock
) -> None:
    session = await desk.begin(clock())
    assert (session.generation, session.base, session.began_at) == (0, -1, clock())
    assert session.access_token_expires_at == clock() + POLICY.access_token_lifetime
    assert session.refresh_token_expires_at == clock() + POLICY.refresh_token_lifetime


async def test_a_short_term_session_stays_short_term_through_rotation(
    desk: Desk, clock: MovableClock
) -> None:
    session = await desk.begin(clock(), short_term=True)
    clock.move(minutes=3)
    rotated = session_of(await desk.show(session, 0, clock()))
    assert rotated.short_term
    expected = clock() + POLICY.short_term_refresh_token_lifetime
    assert rotated.refresh_token_expires_at == expected


async def test_a_session_that_is_short_term_and_reusable_has_the_short_lifetime(
    desk: Desk, clock: MovableClock
) -> None:
    session = await replace(desk, reusable=True).begin(clock(), short_term=True)
    expected = clock() + POLICY.short_term_refresh_token_lifetime
    assert session.refresh_token_expires_at == expected


async def test_an_ended_session_stays_ended_and_one_caller_ended_it(
    desk: Desk, clock: MovableClock
) -> None:
    session = await desk.begin(clock())
    ends = await asyncio.gather(
        *(
            desk.sessions.end(ALICE, session.sid, because=EndReason.LOGOUT, attempt=desk.attempt())
            for _ in range(50)
        )
    )
    assert ends.count(Done()) == 1
    assert ends.count(Ended(because=EndReason.LOGOUT)) == len(ends) - 1
    assert await desk.show(session, 0, clock()) == Ended(because=EndReason.LOGOUT)


async def test_our_own_retry_of_an_end_is_told_that_it_did_it(
    desk: Desk, clock: MovableClock
) -> None:
    session, attempt = await desk.begin(clock()), desk.attempt()
    for _ in range(2):
        ending = await desk.sessions.end(
            ALICE, session.sid, because=EndReason.LOGOUT, attempt=attempt
        )
        assert ending == Done()


@pytest.mark.parametrize("skew", [timedelta(0), timedelta(hours=-1), timedelta(hours=1)])
async def test_ending_all_covers_every_session_begun_before_and_none_begun_after(
    desk: Desk, clock: MovableClock, skew: timedelta
) -> None:
    """Whatever the clocks of the servers where they begin."""
    before = [await desk.begin(clock() + skew) for _ in range(3)]
    other = await desk.begin(clock(), Subject("bob"))
    await desk.sessions.end_all(ALICE)
    after = await desk.begin(clock())
    for session in before:
        assert await desk.show(session, 0, clock()) == Ended(because=EndReason.ALL_ENDED)
    assert outcome_of(await desk.show(after, 0, clock())) is Outcome.ROTATED
    assert outcome_of(await desk.show(other, 0, clock())) is Outcome.ROTATED


async def test_the_absolute_lifetime_caps_both_tokens_and_then_ends_the_session(
    desk: Desk, clock: MovableClock
) -> None:
    desk = desk.with_policy(structs.replace(POLICY, session_lifetime=timedelta(hours=1)))
    session = await desk.begin(clock())
    cap = clock() + timedelta(hours=1)
    assert session.refresh_token_expires_at == cap
    clock.move(minutes=50)
    rotated = session_of(await desk.show(session, 0, clock()))
    assert (rotated.access_token_expires_at, rotated.refresh_token_expires_at) == (cap, cap)
    clock.move(minutes=10)
    assert await desk.show(session, 1, clock()) == Ended(because=EndReason.LIFETIME)


@pytest.mark.parametrize("disabled", [True, False])
async def test_an_account_that_is_disabled_or_gone_bars_a_session(
    desk: Desk, redis: Redis, clock: MovableClock, *, disabled: bool
) -> None:
    if disabled:
        await redis.hset(names.account(ALICE), "disabled", "1")
    session = await desk.begin(clock(), Subject("bob"))
    new = structs.replace(_new(session), subject=ALICE)
    begun = await desk.sessions.begin(new, policy=POLICY, attempt=desk.attempt(), of_account=True)
    assert begun == AccountBarred()


async def test_every_key_outlives_its_last_token_by_the_leeway_and_no_longer(
    desk: Desk, redis: Redis, clock: MovableClock
) -> None:
    session = await desk.begin(clock(), short_term=True)
    clock.move(minutes=1)
    rotated = session_of(await desk.show(session, 0, clock()))
    kept_until = await redis.pexpiretime(names.session(ALICE, session.sid))
    assert _dropped_after(rotated.refresh_token_expires_at, kept_until)


async def test_a_store_that_lost_its_memory_is_no_authority_on_any_session(
    desk: Desk, redis: Redis, clock: MovableClock
) -> None:
    session = await desk.begin(clock())
    await redis.flushall()
    with pytest.raises(StoreMemoryLost):
        await desk.show(session, 0, clock())
    with pytest.raises(StoreMemoryLost):
        await desk.begin(clock())
    with pytest.raises(StoreMemoryLost):
        await desk.sessions.end(
            ALICE, session.sid, because=EndReason.LOGOUT, attempt=desk.attempt()
        )


async def test_the_store_holds_no_token_and_no_token_id(
    desk: Desk, redis: Redis, clock: MovableClock
) -> None:
    session = await desk.begin(clock())
    record = await redis.hgetall(names.session(ALICE, session.sid))
    assert set(record) == {b"p", b"k", b"t"}
    assert record[b"k"] == KID.encode()
    assert len(record[b"p"]) == 3 * 4 + 1 + 5 * 8, "counters, flags and moments"


@pytest.mark.parametrize("rotations", [0, 5])
async def test_a_session_fits_into_a_million_times_300_bytes(
    desk: Desk, redis: Redis, clock: MovableClock, rotations: int
) -> None:
    """Beside its record there are its slots in two tables: 35 bytes at most when they are full."""
    ids = RandomIds()
    session = await replace(desk, kid=Kid("k" * 43)).begin(clock(), Subject("u" * 25))
    for generation in range(rotations):
        clock.move(days=1)
        await replace(desk, kid=Kid("k" * 43)).show(session, generation, clock(), ids.attempt())
    key = names.session(session.subject, session.sid)
    assert await redis.object("ENCODING", key) == b"listpack"
    assert (await redis.memory_usage(key) or 0) <= 250


async def test_a_subject_with_braces_keeps_to_itself(desk: Desk, clock: MovableClock) -> None:
    odd = Subject("a}:subject{%7D")
    session = await desk.begin(clock(), odd)
    assert names.subject_of(names.session(odd, session.sid)) == odd
    assert outcome_of(await desk.show(session, 0, clock())) is Outcome.ROTATED


async def test_our_own_retry_of_a_beginning_begins_nothing_twice(
    desk: Desk, clock: MovableClock
) -> None:
    attempt = desk.attempt()
    new = _new(await desk.begin(clock(), Subject("bob")))
    tries = [structs.replace(new, subject=ALICE, began_at=clock()) for _ in range(2)]
    tries[1] = structs.replace(tries[1], began_at=clock() + timedelta(seconds=1))
    first, second = [
        await desk.sessions.begin(one, policy=POLICY, attempt=attempt, of_account=False)
        for one in tries
    ]
    assert first == second


async def test_a_server_whose_clock_is_behind_hides_no_newer_session_from_ending_all(
    desk: Desk, clock: MovableClock
) -> None:
    newest = await desk.begin(clock())
    clock.move(hours=-1)
    await desk.begin(clock())
    clock.move(hours=-1)
    await desk.sessions.end_all(ALICE)
    assert await desk.show(newest, 0, clock()) == Ended(because=EndReason.ALL_ENDED)


def _dropped_after(expires_at: datetime, kept_until: int) -> bool:
    """By the leeway, within the millisecond that the store knows."""
    return abs(kept_until - to_micros(expires_at + LEEWAY) // 1000) <= 1


def _new(session: Session) -> NewSession:
    return NewSession(
        sid=session.sid,
        subject=session.subject,
        short_term=session.short_term,
        kid=session.kid,
        began_at=session.began_at,
    )
