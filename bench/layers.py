"""Where the CPU of a refresh goes, layer by layer: what a sampler in the worker tells.

A layer's share of the samples is its share of the CPU that the worker took. The samples of all
runs are taken together, because those of one are few: so layers add up to the whole, in each run
and in the medians, and how far their runs lie apart is the whole's own spread.
"""

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean
from tempfile import TemporaryDirectory

from bench.beds import Bed, bed
from bench.figures import Figure
from bench.limit import Signers, signers
from bench.load import Connection, close, closed_loop, connected, play
from bench.machine import cpu_seconds
from bench.scale import Scale
from bench.stacks import NAMES, Stacks

WHOLE = Scale(rounds=7, run_seconds=3.2, connections=64)
SAMPLER = Path(__file__).parent / "sampler"
COST = "CPU of a refresh"
FEWEST = 60
"""Samples of a round."""
PATIENCE = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Runs:
    """In microseconds of a refresh, but for the samples."""

    wholes: list[float] = field(default_factory=list)
    limits: list[float] = field(default_factory=list)
    samples: Counter[str] = field(default_factory=Counter)


def measure(scale: Scale = WHOLE) -> list[Figure]:
    """At full load: the whole, the limit beside it, then the layers, the largest first."""
    with TemporaryDirectory(prefix="bench-") as folder:
        file = Path(folder) / "stacks"
        variables = {"PYTHONPATH": str(SAMPLER), "BENCH_STACKS": str(file)}
        with bed("embedded", 1, variables) as one, signers(1) as signing:
            runs = play(_rounds(one, Stacks(file), signing, scale))
    samples, where = runs.samples, f"({one.name})"
    shares = {name: samples[name] / samples.total() for name in NAMES}
    return [
        Figure(name=f"{COST}, worker alone {where}", unit="us", runs=runs.wholes),
        Figure(name=f"{COST}, the limit {where}", unit="us", runs=runs.limits),
        *(
            Figure(
                name=f"{COST}: {layer} {where}",
                unit="us",
                runs=[shares[layer] * whole for whole in runs.wholes],
            )
            for layer in sorted(NAMES, key=shares.__getitem__, reverse=True)
        ),
    ]


async def _rounds(one: Bed, stacks: Stacks, signing: Signers, scale: Scale) -> Runs:
    connections = await connected(one.server.port, await one.sessions(scale.connections))
    await closed_loop(connections, scale.run_seconds / 2)
    runs = Runs()
    stacks.taken()
    for _ in range(scale.rounds):
        limits = [signing.run(scale.run_seconds / 8)]
        await _one_round(one, connections, stacks, runs, scale)
        limits.append(signing.run(scale.run_seconds / 8))
        runs.limits.append(fmean(each.cpu_micros for each in limits))
    close(connections)
    return runs


async def _one_round(
    one: Bed, connections: Sequence[Connection], stacks: Stacks, runs: Runs, scale: Scale
) -> None:
    """As often as it takes to be told of FEWEST: the kernel looks at what has run, and when."""
    workers = one.worker_pids()
    before, answered, told = cpu_seconds(workers), 0, Counter[str]()
    give_up_at = time.monotonic() + PATIENCE
    while told.total() < FEWEST:
        assert time.monotonic() < give_up_at, f"told of {told.total()} samples"
        load = await closed_loop(connections, scale.run_seconds)
        assert set(load.statuses) == {200}, load.statuses
        answered += load.answered
        told += stacks.taken()
    runs.wholes.append((cpu_seconds(workers) - before) / answered * 1e6)
    runs.samples.update(told)
