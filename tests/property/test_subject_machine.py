"""Sessions of one subject, of any lifetime, ended all at once in any way: against a small model.

Servers' clocks and settings differ, and the store may forget its last writes.
"""

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeVar

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from msgspec import structs
from redis.asyncio import Redis
from support.accounts import an_account
from support.moments import MovableClock
from support.sessions import ALICE, KID, POLICY, Desk, session_of, sessions_on

from token_server.store import names
from token_server.store.accounts import Accounts
from token_server.store.engine import Engine
from token_server.store.key_expiries import StoredKeyExpiries
from token_server.store.session_list import SessionList
from token_server.store.sessions import SessionEnds
from token_server.tokens.model import EndReason, Policy, Session, SessionId
from token_server.tokens.outcomes import Done, Ended

T = TypeVar("T")
LIVES = [timedelta(minutes=30), timedelta(days=14), timedelta(days=400)]
KEPT = [timedelta(minutes=1), timedelta(days=14)]
YEARS_BEHIND = timedelta(days=-4000)
Dumped = dict[str, tuple[bytes, int]]


@dataclass(frozen=True)
class Known:
    session: Session
    ended: EndReason | None = None


class SubjectMachine(RuleBasedStateMachine):
    socket: Path

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.client = Redis(unix_socket_path=str(self.socket))
        self.engine = Engine(self.client, waits_for_fsync=False)
        self.clock = MovableClock()
        self.known: dict[SessionId, Known] = {}
        self.was_ended = False

    @initialize()
    def the_store_is_empty(self) -> None:
        self.run(self.client.flushall())
        self.desk = Desk(self.run(sessions_on(self.client)))
        self.versions = [(self.known, self.was_ended, self.run(self._dumped()))]

    def teardown(self) -> None:
        self.run(self.client.aclose())
        self.runner.close()

    def run(self, work: Awaitable[T]) -> T:
        async def awaited() -> T:
            return await work

        return self.runner.run(awaited())

    @rule(life=st.sampled_from(LIVES), skew=st.integers(-600, 600), short_term=st.booleans())
    def a_session_begins(self, life: timedelta, skew: int, *, short_term: bool) -> None:
        now = self.clock() + timedelta(seconds=skew)
        desk = self.desk.with_policy(self._reserved(life, now))
        session = self.run(desk.begin(now, short_term=short_term))
        self._remember(Known(session))

    @rule(which=st.integers(0, 9), life=st.sampled_from(LIVES))
    def one_is_refreshed(self, which: int, life: timedelta) -> None:
        if not self.known:
            return
        one = list(self.known.values())[which % len(self.known)]
        desk = self.desk.with_policy(self._reserved(life, self.clock()))
        showing = self.run(desk.show(one.session, one.session.generation, self.clock()))
        if one.ended:
            assert showing == Ended(because=one.ended)
        else:
            self._remember(Known(session_of(showing)))

    @rule(which=st.integers(0, 9))
    def one_is_ended(self, which: int) -> None:
        if not self.known:
            return
        one = list(self.known.values())[which % len(self.known)]
        ending = self.run(
            self.desk.sessions.end(
                ALICE, one.session.sid, because=EndReason.LOGOUT, attempt=self.desk.attempt()
            )
        )
        assert (ending == Done()) == (one.ended is None)
        self._remember(replace(one, ended=one.ended or EndReason.LOGOUT))

    @rule(
        how=st.sampled_from(["end", "disable", "remove"]),
        keep=st.sampled_from(KEPT),
        skew=st.sampled_from([timedelta(0), YEARS_BEHIND]),
    )
    def all_are_ended(self, how: str, keep: timedelta, skew: timedelta) -> None:
        self.run(self._end_all(how, keep, skew))
        self.was_ended = True
        self.known = {
            sid: replace(one, ended=one.ended or EndReason.ALL_ENDED)
            for sid, one in self.known.items()
        }
        self._note()

    async def _end_all(self, how: str, keep: timedelta, skew: timedelta) -> None:
        accounts = Accounts(self.engine, keep=keep)
        if how == "end":
            await SessionEnds(self.engine, keep=keep).end_all(ALICE)
            return
        await accounts.add(an_account())
        if how == "disable":
            assert await accounts.disable(ALICE, at=self.clock() + skew)
            await accounts.enable(ALICE, at=self.clock())
        else:
            assert await accounts.remove(ALICE)

    @rule(writes=st.integers(1, 4))
    def the_store_forgets_its_last_writes(self, writes: int) -> None:
        del self.versions[max(1, len(self.versions) - writes) :]
        self.known, self.was_ended, dumped = self.versions[-1]
        self.run(self._restore(dumped))

    @invariant()
    def who_is_live_is_what_the_model_says(self) -> None:
        listed = self.run(SessionList(self.engine).live(ALICE))
        live = [one.session for one in self.known.values() if one.ended is None]
        assert {one.sid: one for one in listed} == {one.sid: one for one in live}

    @invariant()
    def that_all_were_ended_is_remembered_for_longer_than_any_session(self) -> None:
        keys = [names.subject_record(ALICE), *(names.session(ALICE, sid) for sid in self.known)]
        asked = self.client.pipeline()
        for key in keys:
            asked.pexpiretime(key)
        record, *sessions = self.run(asked.execute())
        assert (record > 0) == self.was_ended
        assert not self.was_ended or record >= max(sessions, default=0)

    def _reserved(self, life: timedelta, now: datetime) -> Policy:
        """That policy, once its tokens are reserved for as the rules do it."""
        policy = structs.replace(POLICY, refresh_token_lifetime=life)
        expiries = StoredKeyExpiries(self.engine, propagation_period=timedelta(hours=1))
        self.run(expiries.reserve(KID, now + policy.longest_lifetime(short_term=False)))
        return policy

    def _remember(self, one: Known) -> None:
        self.known = {**self.known, one.session.sid: one}
        self._note()

    def _note(self) -> None:
        self.versions.append((self.known, self.was_ended, self.run(self._dumped())))

    async def _dumped(self) -> Dumped:
        keys = [key.decode() async for key in self.client.scan_iter()]
        asked = self.client.pipeline()
        for key in keys:
            asked.dump(key)
            asked.pexpiretime(key)
        answers = await asked.execute()
        return dict(zip(keys, zip(answers[::2], answers[1::2], strict=True), strict=True))

    async def _restore(self, dumped: Dumped) -> None:
        await self.client.flushall()
        for key, (value, expires_at) in dumped.items():
            await self.client.restore(key, max(0, expires_at), value, absttl=True)


@pytest.fixture(autouse=True)
def _machine_on_a_real_store(store_socket: Path) -> None:
    SubjectMachine.socket = store_socket


TestSubjectMachine = SubjectMachine.TestCase
