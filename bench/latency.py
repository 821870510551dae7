"""Latency, with requests that come on time whatever the answers take."""

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
from bench.machine import cpu_seconds, kept_waiting_seconds
from bench.scale import Scale

CONNECTIONS = 64
RUN_SECONDS = 1.2
WHOLE = Scale(rounds=5, run_seconds=RUN_SECONDS, connections=CONNECTIONS)
SHARES = (0.5, 0.8)
QUANTILES = {"p50": 0.5, "p99": 0.99, "p99.9": 0.999}
CURVE = (0.2, 0.35, 0.5, 0.65, 0.8, 0.9)

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
