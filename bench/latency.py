"""Latency, with requests that come on time whatever the answers take, and under overload."""

from collections import defaultdict
from collections.abc import Sequence
from contextlib import ExitStack

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
OVERLOAD_SECONDS = 10.0
# So many that all who come at three times the capacity find one.
OVERLOAD_CONNECTIONS = 700

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
            bare = limit.run(scale.run_seconds / 6).cpu_micros / 1e6
            capacity = await _capacity(connections, scale)
            for share in SHARES:
                due = evenly(share * capacity, scale.run_seconds)
                load = await _noted(runs, each, f"at {share:.0%} of capacity", connections, due)
                if (share, each.workers) == (SHARES[-1], 1):
                    ratio = f"ratio of p99 at {share:.0%} of capacity to the limit's cost"
                    runs[ratio, each.name].append(load.quantile(0.99) / bare)
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
        return play(_overload(one))


async def _overload(one: Bed) -> list[Figure]:
    connections = await connected(one.server.port, await one.sessions(OVERLOAD_CONNECTIONS))
    few = connections[:CONNECTIONS]
    await closed_loop(few, RUN_SECONDS)
    before = one.cpu().server
    full = await closed_loop(few, 2 * RUN_SECONDS)
    # Of a core that is the worker's own: what other programs take away is no matter.
    capacity = full.answered / (one.cpu().server - before)
    (worker,) = one.worker_pids()
    memory, before = memory_bytes(worker), one.cpu().server
    due = evenly(OVERLOAD * capacity, OVERLOAD_SECONDS)
    load = await OpenLoop(connections, from_sending=True).run(due)
    assert set(load.statuses) <= {200, 503}, load.statuses
    served = load.statuses[200]
    told = {
        ("offered / capacity", ""): load.answered / load.seconds / capacity,
        ("turned away / offered", ""): load.statuses[503] / load.answered,
        ("served for the same CPU", ""): served / (one.cpu().server - before) / capacity,
        ("served", "/s"): served / load.seconds,
        ("served at full load before", "/s"): full.answered / full.seconds,
        ("p50 of what was served", "ms"): load.quantile(0.5) * 1e3,
        ("p99 of what was served", "ms"): load.quantile(0.99) * 1e3,
        ("worker's memory after / before", ""): memory_bytes(worker) / memory,
    }
    return [
        Figure(name=f"overload for {OVERLOAD_SECONDS:.0f} s: {what}", unit=unit, runs=[value])
        for (what, unit), value in told.items()
    ]
