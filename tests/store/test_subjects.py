"""The record of a subject whose sessions were all ended, on a real Valkey."""

from datetime import datetime, timedelta

import pytest
from msgspec import structs
from redis.asyncio import Redis
from support.accounts import an_account
from support.moments import MovableClock
from support.sessions import ALICE, KID, POLICY, Desk, outcome_of, sessions_on
from support.stepped import Stepped, SteppedEngine

from token_server.store import names
from token_server.store.accounts import Accounts
from token_server.store.engine import Engine
from token_server.store.key_expiries import StoredKeyExpiries
from token_server.store.sessions import SessionEnds
from token_server.tokens.model import EndReason
from token_server.tokens.moments import to_micros
from token_server.tokens.outcomes import Ended, Outcome

pytestmark = pytest.mark.anyio

MINUTE, LIFE = timedelta(minutes=1), timedelta(days=400)
LONG = structs.replace(POLICY, refresh_token_lifetime=LIFE)


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


@pytest.fixture
async def desk(redis: Redis) -> Desk:
    return Desk(await sessions_on(redis))


async def test_a_subject_has_no_record_until_all_its_sessions_are_ended(
    desk: Desk, redis: Redis, clock: MovableClock
) -> None:
    session = await desk.begin(clock())
    await desk.show(session, 0, clock())
    await desk.sessions.end(ALICE, session.sid, because=EndReason.LOGOUT, attempt=desk.attempt())
    assert not await redis.exists(names.subject_record(ALICE))
    await desk.sessions.end_all(ALICE)
    assert await redis.hgetall(names.subject_record(ALICE)) == {b"ends": b"1"}


@pytest.mark.parametrize("days", [1, 60])
async def test_the_subjects_record_outlives_each_session_that_begins_after_it(
    desk: Desk, redis: Redis, clock: MovableClock, days: int
) -> None:
    """Else a session's count would be of a record that is no more."""
    await desk.sessions.end_all(ALICE)
    before = await redis.pexpiretime(names.subject_record(ALICE))
    life = structs.replace(POLICY, refresh_token_lifetime=timedelta(days=days))
    session = await desk.with_policy(life).begin(clock())
    clock.move(minutes=1)
    await desk.with_policy(life).show(session, 0, clock())
    kept_until = await redis.pexpiretime(names.subject_record(ALICE))
    lives_until = await redis.pexpiretime(names.session(ALICE, session.sid))
    assert kept_until == max(before, lives_until)


async def test_from_its_first_moment_the_record_outlives_sessions_of_any_policy(
    desk: Desk, redis: Redis, clock: MovableClock
) -> None:
    """Their policy may be gone; what was recorded of the key that signed their tokens is there.

    Wherever the server that ends them dies: to who looks afterwards, they have ended.
    """
    await reserved(redis, clock() + LIFE)
    session = await desk.with_policy(LONG).begin(clock())
    lives_until = await redis.pexpiretime(names.session(ALICE, session.sid))
    engine = SteppedEngine(redis)
    ending = Stepped(engine, SessionEnds(engine, keep=MINUTE).end_all(ALICE))
    while not await redis.exists(names.subject_record(ALICE)):
        await ending.step()
    assert await redis.pexpiretime(names.subject_record(ALICE)) >= lives_until
    await ending.die()
    assert await desk.show(session, 0, clock()) == Ended(because=EndReason.ALL_ENDED)


async def test_the_record_outlives_what_was_refreshed_just_before_the_end(
    desk: Desk, redis: Redis, clock: MovableClock
) -> None:
    """Between the steps of the server that ends it, another one records and refreshes."""
    session = await desk.begin(clock())
    engine = SteppedEngine(redis)
    ending = Stepped(engine, SessionEnds(engine, keep=MINUTE).end_all(ALICE))
    await ending.step()
    assert not await redis.exists(names.subject_record(ALICE))
    await reserved(redis, clock() + LIFE)
    await desk.with_policy(LONG).show(session, 0, clock())
    await ending.finish()
    lives_until = await redis.pexpiretime(names.session(ALICE, session.sid))
    assert await redis.pexpiretime(names.subject_record(ALICE)) >= lives_until


async def test_a_server_whose_clock_is_years_behind_ends_sessions_for_good(
    desk: Desk, redis: Redis, clock: MovableClock
) -> None:
    """Else the store would drop at once, by its own clock, what it is to remember."""
    accounts = Accounts(Engine(redis, waits_for_fsync=False), keep=MINUTE)
    await accounts.add(an_account())
    session = await desk.begin(clock())
    await accounts.disable(ALICE, at=clock() - timedelta(days=4000))
    assert await desk.show(session, 0, clock()) == Ended(because=EndReason.ALL_ENDED)


async def test_what_the_layout_before_kept_of_a_subject_is_in_nobodys_way(
    desk: Desk, redis: Redis, clock: MovableClock
) -> None:
    not_before = to_micros(clock() + LIFE)
    await redis.hset(
        names.subject_record(ALICE),
        mapping={"not_before": not_before, "newest": 1, "A" * 22: 1},
    )
    session = await desk.begin(clock())
    assert outcome_of(await desk.show(session, 0, clock())) is Outcome.ROTATED
    await desk.sessions.end_all(ALICE)
    assert await desk.show(session, 1, clock()) == Ended(because=EndReason.ALL_ENDED)
    assert await redis.pttl(names.subject_record(ALICE)) > 0
    after = await desk.begin(clock())
    assert outcome_of(await desk.show(after, 0, clock())) is Outcome.ROTATED


async def reserved(redis: Redis, until: datetime) -> None:
    """As the rules do before a key signs."""
    engine = Engine(redis, waits_for_fsync=False)
    expiries = StoredKeyExpiries(engine, propagation_period=timedelta(hours=1))
    await expiries.reserve(KID, until)


async def test_that_all_were_ended_is_on_disk_before_it_is_answered(redis: Redis) -> None:
    ends = SessionEnds(Engine(redis, waits_for_fsync=True), keep=MINUTE)
    async with redis.monitor() as monitor:
        await ends.end_all(ALICE)
        before = [(await monitor.next_command())["command"].split()[0]]
        while before[-1] != "WAITAOF":
            before.append((await monitor.next_command())["command"].split()[0])
    assert before.count("PEXPIREAT") == 2, "by the script, and by what was recorded since"
