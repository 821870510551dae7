"""Latency, with requests that come on time whatever the answers take, and under overload."""

from collections import defaultdict
from collections.abc import Awaitable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import pairwise
from operator import truediv

from bench.beds import Bed, bed
from bench.figures import Figure
from bench.limit import Signers, signers
from bench.load import (
    Connection,
    Load,
    OpenLoop,
    at_random,
    close,
    closed_loop,
    connected,
    evenly,
    play,
    quantile,
)
from bench.machine import cpu_seconds, kept_waiting_seconds, memory_bytes
from bench.scale import Scale

CONNECTIONS = 64
RUN_SECONDS = 1.2
WHOLE = Scale(rounds=5, run_seconds=RUN_SECONDS, connections=CONNECTIONS)
SHARES = (0.5, 0.8)
QUANTILES = {"p50": 0.5, "p99": 0.99, "p99.9": 0.999}
CURVE = (0.2, 0.35, 0.5, 0.65, 0.8, 0.9)

OVERLOAD = 3.0
OVERLOAD_SECONDS = 30.0
OVERLOAD_RUNS = 2
WARM_UP_SECONDS = 10.0
# So many that all who come at three times the capacity find one.
OVERLOAD_CONNECTIONS = 700

_OF_OURS = f"ratio of p99 at {SHARES[-1]:.0%} of capacity to the limit's cost"
_OF_THE_LIMIT = f"ratio of the limit's own p99 at {SHARES[-1]:.0%} to its cost, asked beside it"

Runs = dict[tuple[str, str], list[float]]


def measure(scale: Scale = WHOLE) -> list[Figure]:
    """At 50 % and 80 % of what each server was just seen to do at full load."""
    with ExitStack() as held:
        beds = [held.enter_context(bed(store, workers)) for store, workers in scale.beds]
        limit = held.enter_context(signers(1))
        runs = play(_rounds(beds, limit, scale))
    return [
        Figure(
            name=f"{what} ({name})",
            unit="" if what.startswith(("share", "ratio")) else "ms",
            runs=values,
        )
        for (what, name), values in runs.items()
    ]


async def _rounds(beds: Sequence[Bed], limit: Signers, scale: Scale) -> Runs:
    ready = [(each, await _connections(each, scale)) for each in beds]
    runs: Runs = defaultdict(list)
    for _ in range(scale.rounds):
        for each, connections in ready:
            bare = limit.run(scale.run_seconds / 6)
            capacity = await _capacity(connections, scale)
            for share in SHARES:
                due = evenly(share * capacity, scale.run_seconds)
                load = await _noted(runs, each, f"at {share:.0%} of capacity", connections, due)
                if (share, each.workers) == (SHARES[-1], 1):
                    ideal = limit.p99_of_one(share * bare.per_second, scale.run_seconds)
                    runs[_OF_THE_LIMIT, each.name].append(ideal * bare.per_second)
                    of_the_limit = load.quantile(0.99) * 1e6 / bare.cpu_micros
                    runs[_OF_OURS, each.name].append(of_the_limit)
            due = at_random(SHARES[-1] * capacity, scale.run_seconds)
            await _noted(runs, each, f"at {SHARES[-1]:.0%}, at random moments", connections, due)
    for _, connections in ready:
        close(connections)
    return runs


async def _noted(
    runs: Runs, each: Bed, when: str, connections: Sequence[Connection], due: Sequence[float]
) -> Load:
    """The latencies, and whose they are: a worker's that ran, or others' on its core."""
    workers = each.worker_pids()
    ran, waited = cpu_seconds(workers), kept_waiting_seconds(workers)
    load = await OpenLoop(connections).run(due)
    seconds = load.seconds * len(workers)
    assert set(load.statuses) == {200}, load.statuses
    for name, share in QUANTILES.items():
        runs[f"{name} {when}", each.name].append(load.quantile(share) * 1e3)
    late = quantile(load.late, 0.99)
    runs[f"the load's own lateness, p99 {when}", each.name].append(late * 1e3)
    ran, waited = cpu_seconds(workers) - ran, kept_waiting_seconds(workers) - waited
    runs[f"share of time that a worker ran, {when}", each.name].append(ran / seconds)
    runs[f"share of time that it waited for a core, {when}", each.name].append(waited / seconds)
    return load


async def _connections(each: Bed, scale: Scale) -> list[Connection]:
    connections = await connected(each.server.port, await each.sessions(scale.connections))
    await closed_loop(connections, scale.run_seconds / 2)
    return connections


async def _capacity(connections: Sequence[Connection], scale: Scale) -> float:
    load = await closed_loop(connections, scale.run_seconds / 2)
    return load.answered / load.seconds


def curve(scale: Scale = WHOLE) -> list[tuple[float, float, float]]:
    """Share of the capacity, p50 and p99 in milliseconds: one worker, embedded store."""

    async def points(one: Bed) -> list[tuple[float, float, float]]:
        connections = await _connections(one, scale)
        told = []
        for share in CURVE:
            capacity = await _capacity(connections, scale)
            load = await OpenLoop(connections).run(evenly(share * capacity, scale.run_seconds))
            told.append((share, load.quantile(0.5) * 1e3, load.quantile(0.99) * 1e3))
        close(connections)
        return told

    with bed("embedded", 1) as one:
        return play(points(one))


def overload() -> list[Figure]:
    """Three times the capacity: what is still served, how late, and what it does to memory."""
    with bed("embedded", 1) as one:
        return play(_overload(one), exactly=False)


async def _overload(one: Bed) -> list[Figure]:
    connections = await connected(one.server.port, await one.sessions(OVERLOAD_CONNECTIONS))
    # Each asks once: who connects and does not is closed.
    await closed_loop(connections, 0)
    few = connections[:CONNECTIONS]
    await closed_loop(few, RUN_SECONDS)
    full, crowd, memory = [await _at_full_load(one, few)], [], []
    # What a crowd takes the first time, it takes once.
    await _crowded(one, connections, full[0].rate, WARM_UP_SECONDS)
    (worker,) = one.worker_pids()
    memory.append(memory_bytes(worker))
    for _ in range(OVERLOAD_RUNS):
        crowd.append(await _crowded(one, connections, full[-1].rate, OVERLOAD_SECONDS))
        memory.append(memory_bytes(worker))
        full.append(await _at_full_load(one, few))
    return [*_goodput(full, crowd), *_waiting([each.load for each in crowd], memory)]


def _goodput(full: "Sequence[_Served]", crowd: "Sequence[_Served]") -> list[Figure]:
    """Beside what was served at full load right before and after."""
    rates = [(before.rate + after.rate) / 2 for before, after in pairwise(full)]
    per_cpu = [(before.per_cpu + after.per_cpu) / 2 for before, after in pairwise(full)]
    offered = [each.load.answered / each.load.seconds for each in crowd]
    refused = [each.load.statuses[503] / each.load.answered for each in crowd]
    return [
        _overloaded("offered / capacity", "", map(truediv, offered, rates)),
        _overloaded("turned away / offered", "", refused),
        _overloaded(
            "goodput / capacity, for the same CPU",
            "",
            map(truediv, (each.per_cpu for each in crowd), per_cpu),
        ),
        _overloaded("goodput / capacity", "", map(truediv, (each.rate for each in crowd), rates)),
        _overloaded("served", "/s", (each.rate for each in crowd)),
        _overloaded("capacity, before and after", "/s", (each.rate for each in full)),
    ]


def _waiting(loads: Sequence[Load], memory: Sequence[int]) -> list[Figure]:
    refused = (quantile(each.refused_after, 0.99) * 1e3 for each in loads)
    grown = (after / before for before, after in pairwise(memory))
    return [
        _overloaded("p50 of what was served", "ms", (each.quantile(0.5) * 1e3 for each in loads)),
        _overloaded("p99 of what was served", "ms", (each.quantile(0.99) * 1e3 for each in loads)),
        _overloaded("p99 of what was turned away", "ms", refused),
        _overloaded("worker's memory after / before", "", grown),
    ]


def _overloaded(what: str, unit: str, runs: Iterable[float]) -> Figure:
    return Figure(name=f"overload for {OVERLOAD_SECONDS:.0f} s: {what}", unit=unit, runs=[*runs])


@dataclass(frozen=True, slots=True, kw_only=True)
class _Served:
    """Refreshes a second, by the clock and by the CPU of server and worker.

    Of a core that is the worker's own: what other programs take away is no matter to the second.
    """

    rate: float
    per_cpu: float
    load: Load


async def _at_full_load(one: Bed, few: Sequence[Connection]) -> _Served:
    return await _served(one, closed_loop(few, 2 * RUN_SECONDS))


async def _crowded(
    one: Bed, connections: Sequence[Connection], capacity: float, seconds: float
) -> _Served:
    due = evenly(OVERLOAD * capacity, seconds)
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
