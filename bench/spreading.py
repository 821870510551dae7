"""How keep-alive connections are spread over workers, at rest and while one worker is busy."""

import asyncio
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from bench.beds import Bed, bed
from bench.figures import Figure
from bench.load import close, closed_loop, connected, play
from bench.machine import PROC

CONNECTIONS = 64
WORKERS = (2, 4)
TRIALS = 200
BUSY_WITH = 16
BUSY_TRIALS = 50
REQUEST = b"GET /livez HTTP/1.1\r\nHost: bench\r\n\r\n"
LAST = b"GET /livez HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n"

Trial = Callable[[Bed], list[int]]


def measure(
    workers: Sequence[int] = WORKERS, *, trials: int = TRIALS, busy_trials: int = BUSY_TRIALS
) -> list[Figure]:
    figures = []
    for count in workers:
        with bed("embedded", count) as one:
            for how, trial in (("at once", _at_once), ("one by one", _one_by_one)):
                counts = [trial(one) for _ in range(trials)]
                figures.append(_figure(count, how, counts))
    with bed("embedded", 2) as two:
        counts = play(_beside_a_busy_one(two, busy_trials))
    return [*figures, _figure(2, "one by one, one of them busy", counts)]


def _figure(workers: int, how: str, counts: Sequence[Sequence[int]]) -> Figure:
    shares = [max(each) / sum(each) for each in counts]
    name = f"share of the busiest of {workers} workers, {CONNECTIONS} {how}"
    return Figure(name=name, unit="", runs=shares)


async def _beside_a_busy_one(two: Bed, trials: int) -> list[list[int]]:
    """What each worker holds, what keeps one of them busy included."""
    connections = await connected(two.server.port, await two.sessions(2 * BUSY_WITH))
    busy = [each for each in connections if _held_by_each(two, [each.port])[0]]
    close(set(connections) - set(busy))
    over = asyncio.Event()

    async def keep_busy() -> None:
        while not over.is_set():
            await closed_loop(busy, 0.5)

    load = asyncio.create_task(keep_busy())
    counts = [await asyncio.to_thread(_one_by_one, two) for _ in range(trials)]
    over.set()
    await load
    close(busy)
    return [[first + len(busy), second] for first, second in counts]


def _at_once(one: Bed) -> list[int]:
    with _held() as held:
        held += [_connection(one) for _ in range(CONNECTIONS)]
        for each in held:
            each.sendall(REQUEST)
        for each in held:
            each.recv(4096)
        return _held_by_each(one, [each.getsockname()[1] for each in held])


def _one_by_one(one: Bed) -> list[int]:
    with _held() as held:
        for _ in range(CONNECTIONS):
            held.append(_connection(one))
            held[-1].sendall(REQUEST)
            held[-1].recv(4096)
        return _held_by_each(one, [each.getsockname()[1] for each in held])


def _connection(one: Bed) -> socket.socket:
    return socket.create_connection(("127.0.0.1", one.server.port))


@contextmanager
def _held() -> Iterator[list[socket.socket]]:
    """Ended by the server, so that it knows of it before the next trial."""
    with ExitStack() as until_then:
        held: list[socket.socket] = []
        yield held
        for each in held:
            until_then.enter_context(each)
            each.sendall(LAST)
        for each in held:
            while each.recv(4096):
                pass


def _held_by_each(one: Bed, ports: Sequence[int]) -> list[int]:
    """How many of the connections from these ports each worker holds."""
    shown = {f"{port:04X}" for port in ports}
    inodes = {
        fields[9]
        for fields in map(str.split, (PROC / "net" / "tcp").read_text().splitlines()[1:])
        if fields[2].rpartition(":")[2] in shown
    }
    return [
        sum(_inode(link) in inodes for link in (PROC / str(pid) / "fd").iterdir())
        for pid in one.worker_pids()
    ]


def _inode(link: Path) -> str:
    try:
        return str(link.readlink()).removeprefix("socket:[").removesuffix("]")
    except OSError:
        return ""
