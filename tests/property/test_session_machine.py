"""The real script on a real Valkey, driven against a model of a few lines.

Concurrency, our own retries, lost writes, ends, clock steps and other clients are among its
rules, for each kind of session that there is.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from struct import unpack_from
from typing import Any, TypeVar

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from msgspec import structs
from redis.asyncio import Redis
from support.moments import MovableClock
from support.sessions import ALICE, POLICY, Desk, sessions_on

from token_server.store import names
from token_server.tokens.clients import OnReuse
from token_server.tokens.model import Attempt, ClientId, EndReason
from token_server.tokens.outcomes import (
    Done,
    Ended,
    Expired,
    Handed,
    Late,
    Misplaced,
    Outcome,
    Reused,
    Showing,
    Widened,
)

T = TypeVar("T")
UNCHANGED = (Outcome.REPEATED, Outcome.KEPT)
GRACE, RECOVERY = timedelta(seconds=60), timedelta(days=2)
OVERTAKEN = timedelta(seconds=2)
PORTAL, OTHER = ClientId("portal"), ClientId("other")
Verdict = Outcome | EndReason | Reused | type[Late | Expired | Misplaced | Widened]
KINDS = [
    {},
    {"client_id": PORTAL, "scope": "a b"},
    {"client_id": PORTAL, "on_reuse": OnReuse.REFUSE},
    {"reusable": True},
    {"client_id": PORTAL, "reusable": True, "scope": "a"},
]
"""What a Desk is told of the sessions that begin there."""


@dataclass(frozen=True)
class Model:
    """What the design says of a session, and nothing else."""

    generation: int = 0
    base: int = -1
    issued_at: timedelta = timedelta(0)
    base_expires_at: timedelta = timedelta.max
    ended: EndReason | None = None
    reusable: bool = False
    ends_on_reuse: bool = True

    def show(self, generation: int, now: timedelta) -> tuple[Verdict, "Model"]:
        if self.ended:
            return self.ended, self
        expires_at = self.issued_at + POLICY.refresh_token_lifetime
        if now >= expires_at:
            return Expired, self
        if self.reusable:
            return Outcome.KEPT, self
        if generation == self.generation:
            return Outcome.ROTATED, self._rotated(generation, now, expires_at)
        if generation > self.generation:
            its_successor_expires_at = now + POLICY.refresh_token_lifetime
            after = self._rotated(generation, now, its_successor_expires_at)
            return Outcome.ROLLED_FORWARD, after
        return self._show_spent(generation, now)

    def _rotated(self, generation: int, now: timedelta, base_expires_at: timedelta) -> "Model":
        return replace(
            self,
            generation=generation + 1,
            base=generation,
            issued_at=now,
            base_expires_at=base_expires_at,
        )

    def _show_spent(self, generation: int, now: timedelta) -> tuple[Verdict, "Model"]:
        if now >= self.base_expires_at:
            return Expired, self
        if generation == self.base and now - self.issued_at < GRACE:
            return Outcome.REPEATED, self
        if generation == self.base and now - self.issued_at < RECOVERY:
            after = replace(self, generation=self.generation + 1, issued_at=now)
            return Outcome.RECOVERED, after
        if now < self.issued_at:
            return (Outcome.REPEATED if self.issued_at - now < OVERTAKEN else Late), self
        if self.ends_on_reuse:
            return Reused(), replace(self, ended=EndReason.REUSE)
        return Reused(ended=False), self


def verdict_of(showing: Showing) -> Verdict:
    match showing:
        case Handed(outcome=outcome):
            return outcome
        case Ended(because=because):
            return because
        case Reused():
            return showing
        case Late() | Expired() | Misplaced() | Widened():
            return type(showing)
        case _:
            raise AssertionError(showing)


class SessionMachine(RuleBasedStateMachine):
    socket: Path

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.client = Redis(unix_socket_path=str(self.socket))
        self.clock = MovableClock()
        self.start = self.clock()
        self.last: tuple[int, Attempt, Showing] | None = None
        self.ever_handed = 0

    @initialize(kind=st.sampled_from(KINDS))
    def a_session_begins(self, kind: dict[str, Any]) -> None:
        policy = structs.replace(POLICY, grace_period=GRACE, recovery_period=RECOVERY)
        self.desk = Desk(self.run(sessions_on(self.client)), policy=policy, **kind)
        self.session = self.run(self.desk.begin(self.clock()))
        self.model = Model(
            reusable=self.desk.reusable, ends_on_reuse=self.desk.on_reuse is OnReuse.END
        )
        # Every version of the record, so that the store can be made to forget.
        self.versions = [(self.model, self._record())]

    def teardown(self) -> None:
        self.run(self.client.aclose())
        self.runner.close()

    def run(self, work: Awaitable[T]) -> T:
        async def awaited() -> T:
            return await work

        return self.runner.run(awaited())

    @property
    def elapsed(self) -> timedelta:
        return self.clock() - self.start

    @rule(
        seconds=st.sampled_from(
            [-5, -2, -1.999999, 0, 0.000001, 1, 59, 60, 61, 3600, 172_799, 172_801, 1_200_000]
        )
    )
    def the_clock_steps(self, seconds: float) -> None:
        self.clock.move(seconds=seconds)

    @rule(back=st.integers(0, 4))
    def a_token_is_shown(self, back: int) -> None:
        generation = max(0, self.ever_handed - back)
        attempt, now = self.desk.attempt(), self.clock()
        foreseen = self.run(self.desk.foresee(self.session, generation, now))
        showing = self.run(self.desk.show(self.session, generation, now, attempt))
        assert verdict_of(foreseen) == verdict_of(showing)
        self._expect(generation, [showing])
        self.last = (generation, attempt, showing)

    @rule(back=st.integers(0, 2), callers=st.integers(2, 6))
    def a_token_is_shown_by_many_at_once(self, back: int, callers: int) -> None:
        generation = max(0, self.ever_handed - back)
        self._expect(generation, self.run(self._at_once(generation, callers)))
        self.last = None

    async def _at_once(self, generation: int, callers: int) -> list[Showing]:
        now = self.clock()
        return await asyncio.gather(
            *(self.desk.show(self.session, generation, now) for _ in range(callers))
        )

    @rule(back=st.integers(0, 2), who=st.sampled_from([None, PORTAL, OTHER]))
    def another_client_shows_a_token(self, back: int, who: ClientId | None) -> None:
        """Whatever has become of the session, it learns nothing and changes nothing."""
        if who == self.desk.client_id:
            return
        before = self._record()
        stranger = replace(self.desk, client_id=who)
        generation = max(0, self.ever_handed - back)
        showing = self.run(stranger.show(self.session, generation, self.clock()))
        assert showing == Misplaced()
        assert self._record() == before

    @rule(back=st.integers(0, 2))
    def more_scope_is_asked_for(self, back: int) -> None:
        before = self._record()
        greedy = replace(self.desk, asked=("a", "c"))
        generation = max(0, self.ever_handed - back)
        showing = self.run(greedy.show(self.session, generation, self.clock()))
        verdict, _ = self.model.show(generation, self.elapsed)
        refused = verdict in (Expired, *EndReason)
        assert verdict_of(showing) == (verdict if refused else Widened)
        assert self._record() == before

    @precondition(lambda self: self.last is not None)
    @rule()
    def our_own_attempt_is_retried(self) -> None:
        """The state is as the attempt left it, so the retry says the same again."""
        assert self.last is not None
        generation, attempt, showing = self.last
        again = self.run(self.desk.show(self.session, generation, self.clock(), attempt))
        if showing == Reused():
            assert again == showing
        elif isinstance(showing, Handed) and showing.outcome not in UNCHANGED:
            assert isinstance(again, Handed)
            assert again.session == showing.session
        else:
            self._expect(generation, [again])
            self.last = None

    @precondition(lambda self: len(self.versions) > 1 and self.model.ended is None)
    @rule(writes=st.integers(1, 4))
    def the_store_forgets_its_last_writes(self, writes: int) -> None:
        del self.versions[max(1, len(self.versions) - writes) :]
        self.model, record = self.versions[-1]
        self.run(self.client.restore(self._key(), 0, record, replace=True))
        self.last = None

    @rule(whose=st.sampled_from(["session", "subject"]), often=st.integers(0, 9))
    def it_is_ended(self, whose: str, often: int) -> None:
        if often:
            return
        if whose == "session":
            ending = self.run(
                self.desk.sessions.end(
                    ALICE,
                    self.session.sid,
                    because=EndReason.LOGOUT,
                    attempt=self.desk.attempt(),
                )
            )
            assert (ending == Done()) == (self.model.ended is None)
            because = EndReason.LOGOUT
        else:
            self.run(self.desk.sessions.end_all(ALICE))
            because = EndReason.ALL_ENDED
        self.model = replace(self.model, ended=self.model.ended or because)
        self.last = None
        self._remember()

    @invariant()
    def the_record_says_what_the_model_says(self) -> None:
        p, e = self.run(self.client.hmget(self._key(), ["p", "e"]))
        assert isinstance(p, bytes)
        assert unpack_from("<ii", p) == (self.model.generation, self.model.base)
        assert isinstance(e, bytes | None)
        assert e is None or EndReason(e.decode()) is self.model.ended

    def _expect(self, generation: int, showings: list[Showing]) -> None:
        expected = []
        for _ in showings:
            verdict, self.model = self.model.show(generation, self.elapsed)
            expected.append(verdict)
        assert Counter(map(verdict_of, showings)) == Counter(expected)
        handed = {one.session for one in showings if isinstance(one, Handed)}
        assert len(handed) <= 1
        for session in handed:
            issued_at = self.elapsed if self.model.reusable else self.model.issued_at
            assert session.generation == self.model.generation
            assert session.issued_at - self.start == issued_at
        self.ever_handed = max(self.ever_handed, self.model.generation)
        self._remember()

    def _remember(self) -> None:
        if self.versions[-1][0] != self.model:
            self.versions.append((self.model, self._record()))

    def _record(self) -> bytes:
        dumped = self.run(self.client.dump(self._key()))
        assert isinstance(dumped, bytes)
        return dumped

    def _key(self) -> str:
        return names.session(ALICE, self.session.sid)


@pytest.fixture(autouse=True)
def _machine_on_a_real_store(store_socket: Path) -> None:
    SessionMachine.socket = store_socket


TestSessionMachine = SessionMachine.TestCase
