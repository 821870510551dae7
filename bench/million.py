"""What a refresh costs beside a million sessions, and beside a thousand: both stores at once."""

import asyncio
from contextlib import ExitStack
from dataclasses import dataclass

from bench.beds import Bed, bed
from bench.figures import Figure
from bench.load import Connection, close, closed_loop, connected, play
from bench.requests import Refreshes, Turns
from bench.sizes import begin_many, memory_used
from token_server.store.connect import connect

POLLED_EVERY = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """How many sessions each of the two stores holds, and what is asked of them."""

    few: int = 1_000
    many: int = 1_000_000
    refreshed_of_many: int = 20_000
    """More than are refreshed in all rounds: none is in the processor's cache any more."""
    connections: int = 32
    rounds: int = 9
    run_seconds: float = 1.5


WHOLE = Sizes()


def measure(sizes: Sizes = WHOLE) -> list[Figure]:
    with ExitStack() as held:
        few, many = (held.enter_context(bed("embedded", 1)) for _ in range(2))
        return play(_compared(few, many, sizes))


async def _compared(few: Bed, many: Bed, sizes: Sizes) -> list[Figure]:
    before = await memory_used(many)
    to_refresh = await many.sessions(sizes.refreshed_of_many)
    await begin_many(many, sizes.many - sizes.refreshed_of_many)
    growing = (await memory_used(many) - before) / sizes.many
    await _settled(many)
    size = (await memory_used(many) - before) / sizes.many
    # A server would have closed connections that asked nothing for so long.
    of_few = await _asking(few, await few.sessions(sizes.few), sizes)
    of_many = await _asking(many, to_refresh, sizes)
    rounds = []
    for number in range(sizes.rounds + 1):
        pair = [await _costs(few, of_few, sizes), await _costs(many, of_many, sizes)]
        # The first warms up.
        rounds += [pair] * (number > 0)
    close([*of_few, *of_many])
    await _settled(many)
    rotated = (await memory_used(many) - before) / sizes.many
    return [
        Figure(name=f"store's memory of a session, over {sizes.many}", unit="bytes", runs=[size]),
        Figure(name="... while the store's tables grow", unit="bytes", runs=[growing]),
        Figure(name="... after the refreshes below", unit="bytes", runs=[rotated]),
        *_figures("store included", [[sum(c) for c in r] for r in rounds], sizes),
        *_figures("store alone", [[c[1] for c in r] for r in rounds], sizes),
    ]


def _figures(whose: str, rounds: list[list[float]], sizes: Sizes) -> list[Figure]:
    few, many = zip(*rounds, strict=True)
    return [
        Figure(name=f"CPU of a refresh, {whose}: {sizes.few} sessions", unit="us", runs=few),
        Figure(name=f"... {sizes.many} sessions", unit="us", runs=many),
        Figure(name="... ratio", unit="", runs=[more / less for less, more in rounds]),
    ]


async def _asking(one: Bed, sessions: list[Refreshes], sizes: Sizes) -> list[Connection]:
    turns = [Turns(sessions[at :: sizes.connections]) for at in range(sizes.connections)]
    return await connected(one.server.port, turns)


async def _costs(one: Bed, connections: list[Connection], sizes: Sizes) -> tuple[float, float]:
    """Of a refresh, in microseconds: the server's, the store's."""
    before = one.cpu()
    load = await closed_loop(connections, sizes.run_seconds)
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
