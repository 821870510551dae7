"""What sessions and workers take up."""

import asyncio
from datetime import timedelta

from bench.beds import Bed, bed
from bench.figures import Figure
from bench.load import closed_loop, connected, play
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
ROUNDS = 5
DAYS = timedelta(days=14)
POLICY = Policy(
    access_token_lifetime=timedelta(minutes=15),
    refresh_token_lifetime=DAYS,
    short_term_refresh_token_lifetime=timedelta(minutes=30),
    session_lifetime=None,
    grace_period=timedelta(seconds=60),
    recovery_period=None,
)


def measure() -> list[Figure]:
    with bed("embedded", 2) as two:
        return play(_with_many_sessions(two))


async def _with_many_sessions(two: Bed) -> list[Figure]:
    connections = await connected(two.server.port, await two.sessions(CONNECTIONS))
    await closed_loop(connections, 1)

    async def store_cpu_of_a_refresh() -> float:
        before = two.cpu()
        load = await closed_loop(connections, 0.5)
        return (two.cpu() - before).store / load.answered * 1e6

    few = [await store_cpu_of_a_refresh() for _ in range(ROUNDS)]
    memory = [memory_bytes(pid) / 2**20 for pid in two.worker_pids()]
    size = await _begin_many(two)
    many = [await store_cpu_of_a_refresh() for _ in range(ROUNDS)]
    return [
        Figure(name="memory of a worker (proportional share)", unit="MiB", runs=memory),
        Figure(name=f"store's memory of a session, over {SESSIONS}", unit="bytes", runs=[size]),
        Figure(name="... of a million sessions", unit="MB", runs=[size * 1e6 / 1e6]),
        Figure(name="CPU of a refresh in the store, with few sessions", unit="us", runs=few),
        Figure(name=f"... with {SESSIONS} sessions", unit="us", runs=many),
    ]


async def _begin_many(two: Bed) -> float:
    """Bytes that the store takes for each, its subject's record included."""
    async with connect(f"unix://{two.server.store_socket}") as client:
        engine = Engine(client, waits_for_fsync=False)
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

        before = (await client.info("memory"))["used_memory"]
        for first in range(0, SESSIONS, AT_ONCE):
            await asyncio.gather(*(begin(first + at) for at in range(AT_ONCE)))
        after = (await client.info("memory"))["used_memory"]
    return float(after - before) / SESSIONS
