"""Overload: what is still served of three times the capacity, how late, and who is turned away."""

from collections.abc import Awaitable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from operator import truediv

from bench.beds import Bed, bed
from bench.figures import Figure
from bench.load import (
    Connection,
    Load,
    OpenLoop,
    close,
    closed_loop,
    connected,
    evenly,
    play,
    quantile,
)
from bench.machine import memory_bytes
from bench.scale import Scale

TIMES = 3.0
# So many connections that all who come at three times the capacity find one.
WHOLE = Scale(rounds=2, run_seconds=30.0, connections=700)
FEW = 64
"""So many connections keep a worker at full load."""


def measure(scale: Scale = WHOLE) -> list[Figure]:
    with bed("embedded", 1) as one:
        return play(_overloaded(one, scale), exactly=False)


async def _overloaded(one: Bed, scale: Scale) -> list[Figure]:
    connections = await connected(one.server.port, await one.sessions(scale.connections))
    # Each asks once: who connects and does not is closed.
    await closed_loop(connections, 0)
    few = connections[:FEW]
    await closed_loop(few, scale.run_seconds / 24)
    full, crowd, memory = [await _at_full_load(one, few, scale)], [], []
    # What a crowd takes the first time, it takes once.
    await _crowded(one, connections, full[0].rate, scale.run_seconds / 3)
    (worker,) = one.worker_pids()
    memory.append(memory_bytes(worker))
    for _ in range(scale.rounds):
        crowd.append(await _crowded(one, connections, full[-1].rate, scale.run_seconds))
        memory.append(memory_bytes(worker))
        full.append(await _at_full_load(one, few, scale))
    close(connections)
    figures = [*_goodput(full, crowd), *_waiting([each.load for each in crowd], memory)]
    return [
        Figure(name=f"overload for {scale.run_seconds:.0f} s: {what}", unit=unit, runs=[*runs])
        for what, unit, runs in figures
    ]


_Told = tuple[str, str, Iterable[float]]


def _goodput(full: "Sequence[_Served]", crowd: "Sequence[_Served]") -> Iterable[_Told]:
    """Beside what was served at full load right before and after."""
    rates = [(before.rate + after.rate) / 2 for before, after in pairwise(full)]
    per_cpu = [(before.per_cpu + after.per_cpu) / 2 for before, after in pairwise(full)]
    offered = [each.load.answered / each.load.seconds for each in crowd]
    refused = [each.load.statuses[503] / each.load.answered for each in crowd]
    for_the_same = map(truediv, (each.per_cpu for each in crowd), per_cpu)
    yield "offered / capacity", "", map(truediv, offered, rates)
    yield "turned away / offered", "", refused
    yield "goodput / capacity, for the same CPU", "", for_the_same
    yield "goodput / capacity", "", map(truediv, (each.rate for each in crowd), rates)
    yield "served", "/s", (each.rate for each in crowd)
    yield "capacity, before and after", "/s", (each.rate for each in full)


def _waiting(loads: Sequence[Load], memory: Sequence[int]) -> Iterable[_Told]:
    # It may be that nobody was.
    refused = (quantile(each.refused_after or [0.0], 0.99) * 1e3 for each in loads)
    grown = (after / before for before, after in pairwise(memory))
    yield "p50 of what was served", "ms", (each.quantile(0.5) * 1e3 for each in loads)
    yield "p99 of what was served", "ms", (each.quantile(0.99) * 1e3 for each in loads)
    yield "p99 of what was turned away", "ms", refused
    yield "worker's memory after / before", "", grown


@dataclass(frozen=True, slots=True, kw_only=True)
class _Served:
    """Refreshes a second, by the clock and by the CPU of server and worker.

    Of a core that is the worker's own: what other programs take away is no matter to the second.
    """

    rate: float
    per_cpu: float
    load: Load


async def _at_full_load(one: Bed, few: Sequence[Connection], scale: Scale) -> _Served:
    return await _served(one, closed_loop(few, scale.run_seconds / 12))


async def _crowded(
    one: Bed, connections: Sequence[Connection], capacity: float, seconds: float
) -> _Served:
    due = evenly(TIMES * capacity, seconds)
    served = await _served(one, OpenLoop(connections, from_sending=True).run(due))
    assert set(served.load.statuses) <= {200, 503}, served.load.statuses
    return served


async def _served(one: Bed, work: Awaitable[Load]) -> _Served:
    before = one.cpu().server
    load = await work
    count = load.statuses[200]
    return _Served(
        rate=count / load.seconds, per_cpu=count / (one.cpu().server - before), load=load
    )
