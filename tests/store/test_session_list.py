"""Sessions as an operator lists them, on a real Valkey."""

import pytest
from redis.asyncio import Redis
from support.moments import MovableClock
from support.sessions import ALICE, Desk, sessions_on

from token_server.store import names
from token_server.store.engine import Engine
from token_server.store.session_list import SessionList
from token_server.tokens.model import EndReason, Subject

pytestmark = pytest.mark.anyio


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


@pytest.fixture
async def desk(redis: Redis) -> Desk:
    return Desk(await sessions_on(redis))


@pytest.fixture
def listed(redis: Redis) -> SessionList:
    return SessionList(Engine(redis, waits_for_fsync=False))


async def test_only_live_sessions_are_listed(
    desk: Desk, listed: SessionList, redis: Redis, clock: MovableClock
) -> None:
    first, second, third = [await desk.begin(clock()) for _ in range(3)]
    await desk.sessions.end(ALICE, first.sid, because=EndReason.LOGOUT, attempt=desk.attempt())
    await redis.delete(names.session(ALICE, second.sid))
    assert await listed.live(ALICE) == [third]
    found = await listed.find(first.sid)
    assert found is not None
    assert found.ended is EndReason.LOGOUT
    await desk.sessions.end_all(ALICE)
    found = await listed.find(third.sid)
    assert found is not None
    assert found.ended is EndReason.ALL_ENDED


async def test_a_subject_whose_name_reads_like_a_pattern_lists_no_others_sessions(
    desk: Desk, listed: SessionList, clock: MovableClock
) -> None:
    odd = [Subject("a*"), Subject("a?"), Subject("a[b]"), Subject("a\\b"), Subject("a{*}")]
    others = [Subject("ab"), Subject("a:session:b")]
    began = {subject: await desk.begin(clock(), subject) for subject in odd + others}
    for subject, session in began.items():
        assert await listed.live(subject) == [session]


async def test_a_session_that_reuse_ended_is_listed_no_more(
    desk: Desk, listed: SessionList, clock: MovableClock
) -> None:
    session = await desk.begin(clock())
    for generation in (0, 1, 0):
        await desk.show(session, generation, clock())
    assert await listed.live(ALICE) == []
