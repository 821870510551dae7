"""Refreshes, at full load: the ratio to the limit first, and what one costs.

The limit makes one signature after the other. Where the processor can compute eight at once, so
do servers under load, and what they take in all is about the limit.
"""

import time
from collections import defaultdict
from collections.abc import Sequence
from contextlib import ExitStack
from statistics import fmean

from bench.beds import Bed, bed
from bench.figures import Figure
from bench.limit import Signers, signers
from bench.load import Connection, close, closed_loop, connected, play
from bench.scale import Scale

WHOLE = Scale(rounds=15, run_seconds=0.6, connections=64)

Runs = dict[tuple[str, str], list[float]]


def measure(scale: Scale = WHOLE) -> list[Figure]:
    """Of each server in turn, a run between two of the limit: they see the same machine."""
    with ExitStack() as held:
        beds = [held.enter_context(bed(store, workers)) for store, workers in scale.beds]
        limits = {
            workers: held.enter_context(signers(workers))
            for workers in sorted({each.workers for each in beds})
        }
        runs = play(_rounds(beds, limits, scale))
    units = {"ratio": "", "rate": "/s"}
    return [
        Figure(name=f"{what} ({name})", unit=units.get(what.split()[0], "us"), runs=values)
        for (what, name), values in sorted(runs.items(), key=lambda each: _ORDER[each[0][0]])
    ]


_ORDER = {
    what: at
    for at, what in enumerate(
        (
            "ratio to the limit, store included",
            "ratio to the limit, server alone",
            "CPU of a refresh, store included",
            "CPU of a refresh, server alone",
            "CPU of a refresh, store alone",
            "CPU of a refresh, the limit",
            "CPU of a refresh, the limit with eight signatures at once",
            "rate of refreshes",
            "rate of refreshes, the limit",
            "CPU of the load generator",
        )
    )
}


async def _rounds(beds: Sequence[Bed], limits: dict[int, Signers], scale: Scale) -> Runs:
    ready = [
        (each, await connected(each.server.port, await each.sessions(count)))
        for each in beds
        for count in [scale.connections * each.workers]
    ]
    runs: Runs = defaultdict(list)
    for _, connections in ready:
        await closed_loop(connections, scale.run_seconds)
    for _ in range(scale.rounds):
        for each, connections in ready:
            told = await _run(each, connections, limits[each.workers], scale)
            for what, value in told.items():
                runs[what, each.name].append(value)
    for _, connections in ready:
        close(connections)
    return runs


async def _run(
    each: Bed, connections: list[Connection], signing: Signers, scale: Scale
) -> dict[str, float]:
    limits = [signing.run(scale.run_seconds / 3)]
    own_before, before = time.process_time(), each.cpu()
    load = await closed_loop(connections, scale.run_seconds)
    spent, own = each.cpu() - before, time.process_time() - own_before
    assert set(load.statuses) == {200}, load.statuses
    limits.append(signing.run(scale.run_seconds / 3))
    with_lanes = signing.run_with_lanes(scale.run_seconds / 3)
    limit = fmean(one.cpu_micros for one in limits)
    server, store = (value / load.answered * 1e6 for value in (spent.server, spent.store))
    return {
        "ratio to the limit, store included": limit / (server + store),
        "ratio to the limit, server alone": limit / server,
        "CPU of a refresh, store included": server + store,
        "CPU of a refresh, server alone": server,
        "CPU of a refresh, store alone": store,
        "CPU of a refresh, the limit": limit,
        "CPU of a refresh, the limit with eight signatures at once": with_lanes.cpu_micros,
        "rate of refreshes": load.answered / load.seconds,
        "rate of refreshes, the limit": fmean(one.per_second for one in limits),
        "CPU of the load generator": own / load.answered * 1e6,
    }
