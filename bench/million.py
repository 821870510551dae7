"""What a refresh costs beside a million sessions, and beside a thousand: both stores at once."""

import asyncio
from contextlib import ExitStack

from bench.beds import Bed, bed
from bench.figures import Figure
from bench.load import Connection, closed_loop, connected, play
from bench.requests import Refreshes, Turns
from bench.sizes import begin_many, memory_used
from token_server.store.connect import connect

FEW, MANY = 1_000, 1_000_000
# More than are refreshed in all rounds: none of them is still in the processor's cache.
REFRESHED_OF_MANY = 20_000
CONNECTIONS = 32
ROUNDS = 9
RUN_SECONDS = 1.5
POLLED_EVERY = 0.2


def measure() -> list[Figure]:
    with ExitStack() as held:
        few, many = (held.enter_context(bed("embedded", 1)) for _ in range(2))
        return play(_compared(few, many))


async def _compared(few: Bed, many: Bed) -> list[Figure]:
    before = await memory_used(many)
    to_refresh = await many.sessions(REFRESHED_OF_MANY)
    await begin_many(many, MANY - REFRESHED_OF_MANY)
    growing = (await memory_used(many) - before) / MANY
    await _settled(many)
    size = (await memory_used(many) - before) / MANY
    # A server would have closed connections that asked nothing for so long.
    of_few = await _asking(few, await few.sessions(FEW))
    of_many = await _asking(many, to_refresh)
    rounds = []
    for number in range(ROUNDS + 1):
        pair = [await _costs(few, of_few), await _costs(many, of_many)]
        # The first warms up.
        rounds += [pair] * (number > 0)
    await _settled(many)
    rotated = (await memory_used(many) - before) / MANY
    return [
        Figure(name=f"store's memory of a session, over {MANY}", unit="bytes", runs=[size]),
        Figure(name="... while the store's tables grow", unit="bytes", runs=[growing]),
        Figure(name="... after the refreshes below", unit="bytes", runs=[rotated]),
        *_figures("CPU of a refresh, store included", [[sum(c) for c in r] for r in rounds]),
        *_figures("CPU of a refresh, store alone", [[c[1] for c in r] for r in rounds]),
    ]


def _figures(what: str, rounds: list[list[float]]) -> list[Figure]:
    few, many = zip(*rounds, strict=True)
    return [
        Figure(name=f"{what}: {FEW} sessions", unit="us", runs=few),
        Figure(name=f"... {MANY} sessions", unit="us", runs=many),
        Figure(name="... ratio", unit="", runs=[more / less for less, more in rounds]),
    ]


async def _asking(one: Bed, sessions: list[Refreshes]) -> list[Connection]:
    turns = [Turns(sessions[at::CONNECTIONS]) for at in range(CONNECTIONS)]
    return await connected(one.server.port, turns)


async def _costs(one: Bed, connections: list[Connection]) -> tuple[float, float]:
    """Of a refresh, in microseconds: the server's, the store's."""
    before = one.cpu()
    load = await closed_loop(connections, RUN_SECONDS)
    spent = one.cpu() - before
    assert set(load.statuses) == {200}, load.statuses
    return spent.server / load.answered * 1e6, spent.store / load.answered * 1e6


async def _settled(one: Bed) -> None:
    """Until the store neither rewrites its file nor moves into a larger table."""
    async with connect(f"unix://{one.server.store_socket}") as client:
        while (await client.info("persistence"))["aof_rewrite_in_progress"] or (
            await client.info("memory")
        ).get("mem_overhead_db_hashtable_rehashing"):
            await asyncio.sleep(POLLED_EVERY)
