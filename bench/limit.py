"""The limit: what RSA alone takes of a refresh. One process a core, which does nothing else.

Also as a server would be asked, evenly in time: what this machine makes of the latency of one
that has no other work.
"""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.hashes import SHA512

from bench.load import AWAKE_BEFORE, evenly, quantile
from token_server.signing.rs512 import Rs512Key

# As long as the signed parts of the two tokens are.
ACCESS, REFRESH = b"a" * 405, b"r" * 386


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    cpu_micros: float
    """Of one refresh: two signatures, one verification."""
    per_second: float


@dataclass(frozen=True, slots=True)
class Signers:
    """Processes that sign when they are told to."""

    processes: "list[subprocess.Popen[str]]"

    def run(self, seconds: float) -> Limit:
        """All at once, for that long."""
        return self._limit(f"at full load, {seconds}")

    def run_with_lanes(self, seconds: float) -> Limit:
        """The same with eight signatures at once, where the processor can."""
        return self._limit(f"with lanes, {seconds}")

    def _limit(self, order: str) -> Limit:
        told = self._told(order)
        return Limit(
            cpu_micros=sum(cpu for cpu, _ in told) / len(told),
            per_second=sum(rate for _, rate in told),
        )

    def p99_of_one(self, rate: float, seconds: float) -> float:
        """In seconds, where so many are due in a second: of one process, with no queue of ours."""
        return float(self._told(f"on time, {seconds}, {rate}")[0])

    def _told(self, order: str) -> list[Any]:
        for each in self.processes:
            assert each.stdin
            each.stdin.write(f"{order}\n")
            each.stdin.flush()
        return [json.loads(each.stdout.readline()) for each in self.processes if each.stdout]


@contextmanager
def signers(count: int) -> Iterator[Signers]:
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "bench.limit"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(count)
    ]
    try:
        yield Signers(processes)
    finally:
        for each in processes:
            each.communicate()


def at_full_load(
    some: Callable[[], None], seconds: float, *, some_are: int
) -> tuple[float, float]:
    """CPU microseconds of one, and how many a second."""
    until = time.perf_counter() + seconds
    done, began, cpu_before = 0, time.perf_counter(), time.process_time()
    while time.perf_counter() < until:
        some()
        done += some_are
    cpu, taken = time.process_time() - cpu_before, time.perf_counter() - began
    return cpu / done * 1e6, done / taken


def on_time(one: Callable[[], None], seconds: float, rate: float) -> float:
    """From when each was due until it was done: the 99th percentile, in seconds."""
    began, latencies = time.perf_counter(), []
    for due in evenly(rate, seconds):
        while (wait := began + due - time.perf_counter()) > 0:
            time.sleep(max(0, wait - AWAKE_BEFORE))
        one()
        latencies.append(time.perf_counter() - began - due)
    return quantile(latencies, 0.99)


def main() -> None:
    """Do what each line orders, and answer in JSON."""
    key = generate_private_key(65537, 2048)
    padding, digest = PKCS1v15(), SHA512()
    public, signature = key.public_key(), key.sign(REFRESH, padding, digest)
    with_lanes = Rs512Key.of(key)

    def one() -> None:
        public.verify(signature, REFRESH, padding, digest)
        key.sign(ACCESS, padding, digest)
        key.sign(REFRESH, padding, digest)

    def four() -> None:
        for _ in range(4):
            public.verify(signature, REFRESH, padding, digest)
        with_lanes.signatures([ACCESS, REFRESH] * 4)

    orders: dict[str, Callable[..., object]] = {
        "at full load": partial(at_full_load, one, some_are=1),
        "with lanes": partial(at_full_load, four, some_are=4),
        "on time": partial(on_time, one),
    }
    for line in sys.stdin:
        order, *numbers = line.split(", ")
        sys.stdout.write(json.dumps(orders[order](*map(float, numbers))) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
