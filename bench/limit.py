"""The limit: what RSA alone takes of a refresh. One process a core, which does nothing else."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.hashes import SHA512

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
        for each in self.processes:
            assert each.stdin
            each.stdin.write(f"{seconds}\n")
            each.stdin.flush()
        told = [json.loads(each.stdout.readline()) for each in self.processes if each.stdout]
        return Limit(
            cpu_micros=sum(cpu for cpu, _ in told) / len(told),
            per_second=sum(rate for _, rate in told),
        )


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


def main() -> None:
    """Sign for as many seconds as each line says; answer CPU microseconds and rate."""
    key = generate_private_key(65537, 2048)
    padding, digest = PKCS1v15(), SHA512()
    public, signature = key.public_key(), key.sign(REFRESH, padding, digest)
    for line in sys.stdin:
        until = time.perf_counter() + float(line)
        done, began, cpu_before = 0, time.perf_counter(), time.process_time()
        while time.perf_counter() < until:
            public.verify(signature, REFRESH, padding, digest)
            key.sign(ACCESS, padding, digest)
            key.sign(REFRESH, padding, digest)
            done += 1
        cpu, taken = time.process_time() - cpu_before, time.perf_counter() - began
        sys.stdout.write(json.dumps([cpu / done * 1e6, done / taken]) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
