"""What sessions and workers take up."""

import asyncio
from datetime import timedelta

from bench.beds import Bed, bed
from bench.figures import Figure
from bench.load import close, closed_loop, connected, play
from bench.machine import memory_bytes
from token_server.store.connect import connect
from token_server.store.engine import Engine
from token_server.store.memory import StoreMemory, load_secret
from token_server.store.sessions import Sessions
from token_server.system import RandomIds, system_clock
from token_server.tokens.model import Kid, NewSession, Policy, Session, Subject

SESSIONS = 100_000
AT_ONCE = 500
CONNECTIONS = 64
DAYS = timedelta(days=14)
POLICY = Policy(
    access_token_lifetime=timedelta(minutes=15),
    refresh_token_lifetime=DAYS,
    short_term_refresh_token_lifetime=timedelta(minutes=30),
    session_lifetime=None,
    grace_period=timedelta(seconds=60),
    recovery_period=None,
)


def measure(sessions: int = SESSIONS, *, warm_seconds: float = 1.0) -> list[Figure]:
    with bed("embedded", 2) as two:
        return play(_with_many_sessions(two, sessions, warm_seconds))


async def _with_many_sessions(two: Bed, count: int, warm_seconds: float) -> list[Figure]:
    connections = await connected(two.server.port, await two.sessions(CONNECTIONS))
    await closed_loop(connections, warm_seconds)
    close(connections)
    memory = [memory_bytes(pid) / 2**20 for pid in two.worker_pids()]
    before = await memory_used(two)
    await begin_many(two, count)
    size = (await memory_used(two) - before) / count
    return [
        Figure(name="memory of a worker (proportional share)", unit="MiB", runs=memory),
        Figure(name=f"store's memory of a session, over {count}", unit="bytes", runs=[size]),
        Figure(name="... of a million sessions", unit="MB", runs=[size * 1e6 / 1e6]),
    ]


async def memory_used(of: Bed) -> int:
    """Bytes, by the store's own account."""
    async with connect(f"unix://{of.server.store_socket}") as client:
        return int((await client.info("memory"))["used_memory"])


async def begin_many(of: Bed, count: int) -> None:
    """Sessions of a subject each, past the server."""
    async with connect(f"unix://{of.server.store_socket}") as client:
        # A disk that stands still for two seconds is no matter here.
        engine = Engine(client, waits_for_fsync=False, deadline=timedelta(seconds=30))
        sessions = Sessions(engine, StoreMemory(engine, await load_secret(engine)), keep=DAYS)
        ids = RandomIds()

        async def begin(number: int) -> None:
            new = NewSession(
                sid=ids.session_id(),
                subject=Subject(f"user-{number:07}@example.test"),
                short_term=False,
                kid=Kid("k" * 43),
                began_at=system_clock(),
            )
            begun = await sessions.begin(
                new, policy=POLICY, attempt=ids.attempt(), of_account=False
            )
            assert isinstance(begun, Session)

        for first in range(0, count, AT_ONCE):
            await asyncio.gather(*map(begin, range(first, min(first + AT_ONCE, count))))
