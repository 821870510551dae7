"""How many requests a second the JWK Set takes, as a ratio to `/livez`: at least 0.9 is wanted.

Starts a server of one worker for itself, and asks the two paths in turns.

    python bench/jwk_set_ratio.py [SECONDS_A_RUN]
"""

import os
import socket
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from support.server import running_server

PATHS = ("/livez", "/.well-known/jwks.json")
RUNS = 21
# Sent at once, so that the client, which is Python too, is never what is measured.
PIPELINED = 32


class Asker:
    """One connection, asking for one path over and over."""

    def __init__(self, port: int, path: str) -> None:
        self._requests = f"GET {path} HTTP/1.1\r\nHost: bench\r\n\r\n".encode() * PIPELINED
        self._connection = socket.create_connection(("127.0.0.1", port))
        self._answer_bytes = self._ask_once(path)

    def run(self, seconds: float) -> float:
        """Requests a second."""
        began = time.perf_counter()
        answered = 0
        while (taken := time.perf_counter() - began) < seconds:
            self._connection.sendall(self._requests)
            self._swallow(self._answer_bytes * PIPELINED)
            answered += PIPELINED
        return answered / taken

    def close(self) -> None:
        self._connection.close()

    def _ask_once(self, path: str) -> int:
        """How long an answer is. All are: `Date` has a fixed width, and so must `max-age`."""
        self._connection.sendall(f"GET {path} HTTP/1.1\r\nHost: bench\r\n\r\n".encode())
        answer = b""
        while b"\r\n\r\n" not in answer:
            answer += self._connection.recv(65536)
        head, _, body = answer.partition(b"\r\n\r\n")
        (length,) = (
            int(line.split(b":")[1])
            for line in head.lower().split(b"\r\n")
            if line.startswith(b"content-length")
        )
        self._swallow(length - len(body))
        return len(head) + 4 + length

    def _swallow(self, size: int) -> None:
        while size:
            size -= len(self._connection.recv(min(size, 1 << 20)))


def main(seconds: float) -> None:
    rates: dict[str, list[float]] = {path: [] for path in PATHS}
    of_cpu: dict[str, list[float]] = {path: [] for path in PATHS}
    with (
        tempfile.TemporaryDirectory() as folder,
        running_server(Path(folder), WORKERS="1") as server,
    ):
        askers = {path: Asker(server.port, path) for path in PATHS}
        for asker in askers.values():
            asker.run(seconds)
        (worker,) = server.pids("process.worker")
        for _ in range(RUNS):
            for path, asker in askers.items():
                before = cpu_seconds(worker)
                rates[path].append(asker.run(seconds))
                of_cpu[path].append(rates[path][-1] * seconds / (cpu_seconds(worker) - before))
        for asker in askers.values():
            asker.close()
    tell("requests/s", rates)
    tell("requests a second of the worker's CPU", of_cpu)


def cpu_seconds(pid: int) -> float:
    times = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return sum(map(int, times)) / os.sysconf("SC_CLK_TCK")


def tell(what: str, rates: dict[str, list[float]]) -> None:
    live, jwk_set = (statistics.median(rates[path]) for path in PATHS)
    ratios = [one / other for other, one in zip(*rates.values(), strict=True)]
    sys.stdout.write(
        f"{what}: {live:.0f} of {PATHS[0]}, {jwk_set:.0f} of {PATHS[1]}\n"
        f"  ratio {statistics.median(ratios):.3f} "
        f"(median of {RUNS} pairs of runs, {min(ratios):.3f} to {max(ratios):.3f})\n"
    )


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 0.5)
