"""Two promises as random histories on a real Valkey.

A client that loses answers, retries late or races itself is never logged out, also by a store
that forgets its last writes; a thief who copied a token is always found out.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from hypothesis import given
from hypothesis import strategies as st
from redis.asyncio import Redis
from support.moments import MovableClock
from support.sessions import ALICE, Desk, sessions_on

from token_server.store import names
from token_server.tokens.model import Session
from token_server.tokens.outcomes import (
    Handed,
)

STEPS = 40


@dataclass
class History:
    """One session, and every version of it that the store remembered."""

    client: Redis
    desk: Desk
    session: Session
    clock: MovableClock
    versions: list[bytes] = field(default_factory=list)

    async def show(self, generation: int, *, at_once: int = 1) -> list[int | None]:
        """The generations handed out, None where refused."""
        now = self.clock()
        showings = await asyncio.gather(
            *(self.desk.show(self.session, generation, now) for _ in range(at_once))
        )
        await self.remember()
        return [one.session.generation if isinstance(one, Handed) else None for one in showings]

    async def remember(self) -> None:
        record = await self.client.dump(self._key())
        assert isinstance(record, bytes)
        if not self.versions or self.versions[-1] != record:
            self.versions.append(record)

    async def forget(self, writes: int) -> None:
        del self.versions[max(1, len(self.versions) - writes) :]
        await self.client.restore(self._key(), 0, self.versions[-1], replace=True)

    def _key(self) -> str:
        return names.session(ALICE, self.session.sid)


@asynccontextmanager
async def a_history(socket: Path) -> AsyncIterator[History]:
    clock = MovableClock()
    async with Redis(unix_socket_path=str(socket)) as client:
        desk = Desk(await sessions_on(client))
        history = History(client, desk, await desk.begin(clock()), clock)
        await history.remember()
        yield history


def run(socket: Path, history: Callable[[History], Awaitable[None]]) -> None:
    async def on_a_fresh_session() -> None:
        async with a_history(socket) as fresh:
            await history(fresh)

    asyncio.run(on_a_fresh_session())


@given(random=st.randoms(use_true_random=False), threads=st.integers(1, 4))
def test_a_client_that_keeps_to_the_rules_is_never_logged_out(
    store_socket: Path, random: Random, threads: int
) -> None:
    async def lives(history: History) -> None:
        token = 0
        for _ in range(STEPS):
            history.clock.move(seconds=random.choice([0, 1, 5, 200, 9000]))
            if random.random() < 0.2:
                await history.forget(random.randint(1, 4))
            handed = await history.show(token, at_once=random.randint(1, threads))
            received = [one for one in handed if one is not None and random.random() > 0.4]
            assert None not in handed
            token = random.choice(received) if received else token

    run(store_socket, lives)


@given(seed=st.integers(0, 2**32))
def test_a_thief_is_always_found_out(store_socket: Path, seed: int) -> None:
    # Fair dice: a history in which one of the two never comes back proves nothing.
    random = Random(seed)

    async def is_robbed(history: History) -> None:
        token, seen = 0, [0]
        for _ in range(random.randint(0, 6)):
            history.clock.move(seconds=900)
            await history.show(token)
            token += 1
            seen.append(token)
        holds = {"victim": token, "thief": random.choice(seen[-2:])}
        for _ in range(60):
            history.clock.move(seconds=random.choice([1, 30, 100, 900]))
            if random.random() < 0.1:
                await history.forget(1)
            who = random.choice(["victim", "thief"])
            (handed,) = await history.show(holds[who])
            if handed is None:
                return
            holds[who] = handed
        raise AssertionError("both went on for 60 rounds")

    run(store_socket, is_robbed)
