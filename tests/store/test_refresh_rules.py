"""Rules of refresh.lua about clients, scopes, expiry and foreseeing, on a real Valkey."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest
from msgspec import structs
from redis.asyncio import Redis
from support.moments import MovableClock
from support.sessions import ALICE, POLICY, Desk, outcome_of, session_of, sessions_on

from token_server.store import names
from token_server.tokens.clients import OnReuse
from token_server.tokens.model import ClientId, EndReason, Kid, Session
from token_server.tokens.outcomes import (
    Ended,
    Expired,
    Handed,
    Late,
    Misplaced,
    Outcome,
    Reused,
    Showing,
    Unknown,
    Widened,
)

pytestmark = pytest.mark.anyio
PORTAL, OTHER = ClientId("portal"), ClientId("other")
HOUR = timedelta(hours=1)


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


@pytest.fixture
async def desk(redis: Redis) -> Desk:
    return Desk(await sessions_on(redis))


@pytest.mark.parametrize(
    ("owner", "shown_by"), [(PORTAL, OTHER), (PORTAL, None), (None, PORTAL)], ids=str
)
async def test_a_token_of_another_client_changes_nothing(
    desk: Desk, clock: MovableClock, owner: ClientId | None, shown_by: ClientId | None
) -> None:
    session = await replace(desk, client_id=owner).begin(clock())
    assert await replace(desk, client_id=shown_by).show(session, 0, clock()) == Misplaced()
    rotated = await replace(desk, client_id=owner).show(session, 0, clock())
    assert outcome_of(rotated) is Outcome.ROTATED


@pytest.mark.parametrize(
    "asked",
    [("admin",), ("read", "admin"), ("rea",), ("read.write",), ("re.d",)],
    ids="+".join,
)
async def test_a_refresh_that_asks_for_more_scope_changes_nothing(
    desk: Desk, clock: MovableClock, asked: tuple[str, ...]
) -> None:
    session = await replace(desk, scope="read write").begin(clock())
    assert await replace(desk, asked=asked).show(session, 0, clock()) == Widened()
    assert outcome_of(await replace(desk, asked=("write",)).show(session, 0, clock())) is (
        Outcome.ROTATED
    )


async def test_a_session_without_a_scope_grants_none(desk: Desk, clock: MovableClock) -> None:
    session = await desk.begin(clock())
    assert await replace(desk, asked=("read",)).show(session, 0, clock()) == Widened()


@pytest.mark.parametrize("shown", [0, 1])
async def test_a_spent_token_expires_when_its_own_record_says_so(
    desk: Desk, clock: MovableClock, shown: int
) -> None:
    """Also where its successor lives longer."""
    session = await desk.begin(clock())
    longer = structs.replace(POLICY, refresh_token_lifetime=timedelta(days=60))
    patient = desk.with_policy(longer)
    for generation in range(shown + 1):
        await (patient if generation == shown else desk).show(session, generation, clock())
    clock.now = session.refresh_token_expires_at
    assert await patient.show(session, shown, clock()) == Expired()
    clock.move(microseconds=-1)
    assert outcome_of(await patient.show(session, shown, clock())) is Outcome.RECOVERED


async def test_a_client_of_the_milder_policy_loses_no_session_by_a_reuse(
    desk: Desk, clock: MovableClock
) -> None:
    mild = replace(desk, client_id=PORTAL, on_reuse=OnReuse.REFUSE)
    session = await mild.begin(clock())
    for generation in (0, 1):
        await mild.show(session, generation, clock())
    assert await mild.show(session, 0, clock()) == Reused(ended=False)
    assert outcome_of(await mild.show(session, 2, clock())) is Outcome.ROTATED


async def test_a_spent_token_of_a_session_that_became_reusable_is_judged_as_any_other(
    desk: Desk, redis: Redis, clock: MovableClock
) -> None:
    """Its record says that it is reusable, and a generation below the current one was spent."""
    session = await desk.begin(clock())
    for generation in (0, 1):
        await desk.show(session, generation, clock())
    key = names.session(ALICE, session.sid)
    record = await redis.hget(key, "p")
    assert isinstance(record, bytes)
    # Its flags, after three counters of four bytes: 2 is reusable.
    await redis.hset(key, "p", record[:12] + b"\x02" + record[13:])
    assert await desk.show(session, 0, clock()) == Reused()


async def test_the_access_token_of_a_kept_refresh_token_is_of_the_key_that_signs_now(
    desk: Desk, clock: MovableClock
) -> None:
    session = await replace(desk, reusable=True).begin(clock())
    kept = session_of(await replace(desk, kid=Kid("k2")).show(session, 0, clock()))
    assert kept.kid == "k2"


async def test_no_access_token_outlives_the_refresh_token_that_is_kept(
    desk: Desk, clock: MovableClock
) -> None:
    """The store forgets the session soon after that."""
    session = await replace(desk, reusable=True).begin(clock())
    clock.now = session.refresh_token_expires_at - timedelta(minutes=1)
    kept = session_of(await desk.show(session, 0, clock()))
    assert kept.access_token_expires_at == session.refresh_token_expires_at


async def test_a_session_that_ended_with_all_others_cannot_be_ended_again(
    desk: Desk, clock: MovableClock
) -> None:
    session = await desk.begin(clock())
    await desk.sessions.end_all(ALICE)
    ending = await desk.sessions.end(
        ALICE, session.sid, because=EndReason.LOGOUT, attempt=desk.attempt()
    )
    assert ending == Ended(because=EndReason.ALL_ENDED)


async def _nothing(_desk: Desk, _session: Session, _clock: MovableClock) -> None: ...


async def _rotate(desk: Desk, session: Session, clock: MovableClock) -> None:
    await desk.show(session, 0, clock())


async def _rotate_twice(desk: Desk, session: Session, clock: MovableClock) -> None:
    for generation in (0, 1):
        await desk.show(session, generation, clock())


async def _rotate_and_wait(desk: Desk, session: Session, clock: MovableClock) -> None:
    await _rotate(desk, session, clock)
    clock.now += HOUR


async def _rotate_twice_later(desk: Desk, session: Session, clock: MovableClock) -> None:
    clock.now += HOUR
    await _rotate_twice(desk, session, clock)
    clock.now -= HOUR


async def _wait_for_its_expiry(_: Desk, session: Session, clock: MovableClock) -> None:
    clock.now = session.refresh_token_expires_at


async def _log_out(desk: Desk, session: Session, _: MovableClock) -> None:
    await desk.sessions.end(ALICE, session.sid, because=EndReason.LOGOUT, attempt=desk.attempt())


@dataclass
class Case:
    leads_to: object
    prepare: Callable[[Desk, Session, MovableClock], Awaitable[None]] = _nothing
    shown: int = 0
    asking: Callable[[Desk], Desk] = lambda desk: desk


FORESEEN = [
    Case(Outcome.ROTATED),
    Case(Outcome.ROLLED_FORWARD, shown=5),
    Case(Outcome.REPEATED, _rotate),
    Case(Outcome.RECOVERED, _rotate_and_wait),
    Case(Reused(), _rotate_twice),
    Case(
        Reused(ended=False),
        _rotate_twice,
        asking=lambda desk: replace(desk, on_reuse=OnReuse.REFUSE),
    ),
    Case(Late(), _rotate_twice_later),
    Case(Expired(), _wait_for_its_expiry),
    Case(Ended(because=EndReason.LOGOUT), _log_out),
    Case(Misplaced(), asking=lambda desk: replace(desk, client_id=PORTAL)),
    Case(Widened(), asking=lambda desk: replace(desk, asked=("admin",))),
]


@pytest.mark.parametrize("case", FORESEEN, ids=lambda case: str(case.leads_to))
async def test_what_a_refresh_would_lead_to_is_foreseen_and_nothing_is_changed(
    desk: Desk, redis: Redis, clock: MovableClock, case: Case
) -> None:
    session = await desk.begin(clock())
    await case.prepare(desk, session, clock)
    asking = case.asking(desk)
    key = names.session(ALICE, session.sid)
    before = await redis.dump(key), await redis.pexpiretime(key)
    assert _led_to(await asking.foresee(session, case.shown, clock())) == case.leads_to
    assert (await redis.dump(key), await redis.pexpiretime(key)) == before
    assert _led_to(await asking.show(session, case.shown, clock())) == case.leads_to


async def test_a_session_that_is_not_there_is_foreseen_as_unknown(
    desk: Desk, redis: Redis, clock: MovableClock
) -> None:
    session = await desk.begin(clock())
    await redis.delete(names.session(ALICE, session.sid))
    assert await desk.foresee(session, 0, clock()) == Unknown()


def _led_to(showing: Showing) -> object:
    return showing.outcome if isinstance(showing, Handed) else showing
