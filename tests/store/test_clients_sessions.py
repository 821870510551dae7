"""What the store remembers of clients' sessions and revoked tokens, on a real Valkey."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from random import Random

import pytest
from msgspec import structs
from redis.asyncio import Redis
from support.moments import MovableClock
from support.sessions import ALICE, POLICY, Desk, outcome_of, session_of, sessions_on

from token_server.store import names
from token_server.tokens.model import LEEWAY, ClientId, EndReason, RefreshToken, SessionId, TokenId
from token_server.tokens.moments import to_micros
from token_server.tokens.outcomes import (
    Done,
    Ended,
    Misplaced,
    Outcome,
    Revoked,
    Unknown,
)

pytestmark = pytest.mark.anyio
PORTAL, OTHER = ClientId("portal"), ClientId("other")
JTI = TokenId("9b1a9f22-ecb7-4868-b791-4dce36e3a5c2")


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


@pytest.fixture
async def desk(redis: Redis) -> Desk:
    return Desk(await sessions_on(redis), client_id=PORTAL, scope="a b")


async def test_client_scope_and_policy_stay_through_rotation(
    desk: Desk, clock: MovableClock
) -> None:
    for kind in (desk, replace(desk, reusable=True)):
        session = await kind.begin(clock())
        assert (session.client_id, session.scope) == (PORTAL, "a b")
        assert session.reusable is kind.reusable
        after = session_of(await kind.show(session, 0, clock()))
        assert (after.client_id, after.scope, after.reusable) == (PORTAL, "a b", kind.reusable)


async def test_only_what_there_is_takes_room(
    desk: Desk, redis: Redis, clock: MovableClock
) -> None:
    anonymous = replace(desk, client_id=None, scope=None)
    fields = []
    for kind in (anonymous, replace(anonymous, reusable=True), desk):
        session = await kind.begin(clock())
        fields.append(set(await redis.hkeys(names.session(ALICE, session.sid))))
    assert fields[1] == fields[0]
    assert fields[2] - fields[0] == {b"c", b"w"}


async def test_a_kept_session_is_not_written_to(
    desk: Desk, redis: Redis, clock: MovableClock
) -> None:
    reusable = replace(desk, reusable=True)
    session = await reusable.begin(clock())
    key = names.session(ALICE, session.sid)
    before = await redis.dump(key), await redis.pexpiretime(key)
    clock.move(hours=3)
    assert outcome_of(await reusable.show(session, 0, clock())) is Outcome.KEPT
    assert (await redis.dump(key), await redis.pexpiretime(key)) == before


async def test_a_session_is_remembered_for_as_long_as_its_last_token_lives(
    desk: Desk, redis: Redis, clock: MovableClock
) -> None:
    """Also where that is the access token: nobody may take it for unknown while it is good."""
    odd = desk.with_policy(structs.replace(POLICY, refresh_token_lifetime=timedelta(minutes=1)))
    session = await odd.begin(clock())
    dropped_at = await redis.pexpiretime(names.session(ALICE, session.sid))
    expected = to_micros(session.access_token_expires_at + LEEWAY) // 1000
    assert abs(dropped_at - expected) <= 1


async def test_a_clients_session_is_ended_by_its_client_and_by_nobody_elses(
    desk: Desk, clock: MovableClock
) -> None:
    session = await desk.begin(clock())
    for other in (OTHER, None):
        assert await revoke(desk, session.sid, other) == Misplaced()
    assert await revoke(desk, session.sid, PORTAL) == Done()
    assert await revoke(desk, session.sid, PORTAL) == Ended(because=EndReason.REVOKED)
    assert await revoke(desk, SessionId("A" * 22), PORTAL) == Unknown()


async def test_nobodys_session_is_ended_by_whoever_holds_its_token(
    desk: Desk, clock: MovableClock
) -> None:
    anonymous = replace(desk, client_id=None)
    for who in (OTHER, None):
        session = await anonymous.begin(clock())
        assert await revoke(anonymous, session.sid, who) == Done()


async def test_a_revoked_access_token_ends_no_session_and_is_no_other(
    desk: Desk, clock: MovableClock
) -> None:
    session = await desk.begin(clock())
    until = clock() + timedelta(minutes=15)
    await desk.sessions.revoke_access_token(ALICE, JTI, until=until)
    assert (await desk.sessions.look(ALICE, sid=session.sid, token_id=JTI)).revoked
    other = TokenId(JTI[::-1])
    assert not (await desk.sessions.look(ALICE, sid=session.sid, token_id=other)).revoked
    for token_id, ending in ((JTI, Revoked()), (other, Done())):
        ended = await desk.sessions.end(
            ALICE,
            session.sid,
            because=EndReason.LOGOUT,
            attempt=desk.attempt(),
            token_id=token_id,
            client_id=PORTAL,
        )
        assert ended == ending


async def test_all_that_is_known_is_told_at_once(desk: Desk, clock: MovableClock) -> None:
    session = await desk.begin(clock())
    known = await desk.sessions.look(ALICE, sid=session.sid, token_id=JTI)
    assert (known.session, known.ended, known.revoked) == (session, None, False)
    await desk.sessions.end_all(ALICE)
    known = await desk.sessions.look(ALICE, sid=session.sid, token_id=JTI)
    assert (known.session, known.ended) == (session, EndReason.ALL_ENDED)
    unknown = await desk.sessions.look(ALICE, sid=SessionId("A" * 22), token_id=JTI)
    assert (unknown.session, unknown.ended) == (None, None)


async def test_once_a_session_was_revoked_no_refresh_comes_through(
    desk: Desk, clock: MovableClock, dice: Random
) -> None:
    """In whatever order the two arrive."""
    for _ in range(20):
        session = await desk.begin(clock())
        before = dice.randrange(11)
        answers = await asyncio.gather(
            *(desk.show(session, 0, clock()) for _ in range(before)),
            revoke(desk, session.sid, PORTAL),
            *(desk.show(session, 0, clock()) for _ in range(10 - before)),
        )
        assert answers.count(Done()) == 1
        for generation in (0, 1):
            after = await desk.show(session, generation, clock())
            assert after == Ended(because=EndReason.REVOKED)


async def revoke(desk: Desk, sid: SessionId, client_id: ClientId | None) -> object:
    token = RefreshToken(subject=ALICE, sid=sid, generation=0, token_id=JTI, short_term=False)
    return await desk.sessions.revoke_session(token, client_id=client_id, attempt=desk.attempt())
