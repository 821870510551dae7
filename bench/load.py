"""The load: connections that ask over and over, or on time whatever the answers take."""

import asyncio
import gc
import random
import re
import selectors
import time
from collections import Counter, deque
from collections.abc import Callable, Coroutine, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

from bench.requests import Asks

T = TypeVar("T")
OnAnswer = Callable[[int, bytes], None]

_LENGTH = re.compile(rb"content-length: (\d+)", re.IGNORECASE)
_END_OF_HEAD = b"\r\n\r\n"
# Longer than any deadline of the server's.
PATIENCE = 10.0
# Who sleeps until the very moment is late by what it takes to wake up.
AWAKE_BEFORE = 0.0002


class Connection(asyncio.Protocol):
    """One connection, one request at a time."""

    def __init__(self, asks: Asks) -> None:
        self.asks = asks
        self._on_answer: OnAnswer | None = None
        self._received = b""
        self._transport: asyncio.Transport | None = None

    @property
    def is_open(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    @property
    def port(self) -> int:
        """The client's own."""
        assert self._transport
        port: int = self._transport.get_extra_info("sockname")[1]
        return port

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's own
        self._transport = None
        if self._on_answer:
            self._done(0, b"")

    def ask(self, on_answer: OnAnswer) -> None:
        self._on_answer = on_answer
        assert self._transport
        self._transport.write(self.asks.next())

    def data_received(self, data: bytes) -> None:
        self._received += data
        end = self._received.find(_END_OF_HEAD)
        if end < 0:
            return
        found = _LENGTH.search(self._received, 0, end)
        size = end + len(_END_OF_HEAD) + int(found[1] if found else 0)
        if len(self._received) >= size:
            answer, self._received = self._received, b""
            self._done(int(answer[9:12]), answer)

    def close(self) -> None:
        self._on_answer = None
        if self._transport:
            self._transport.close()

    def _done(self, status: int, answer: bytes) -> None:
        self.asks.take(status, answer)
        assert self._on_answer
        on_answer, self._on_answer = self._on_answer, None
        on_answer(status, answer)


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What one run of load came to."""

    seconds: float
    statuses: Counter[int]
    latencies: list[float] = field(repr=False)
    """In seconds, of answers that were no 503, from when each was due."""
    late: list[float] = field(repr=False, default_factory=list)
    """In seconds, by how much the load itself missed the moments: a part of the latencies."""
    refused_after: list[float] = field(default_factory=list, repr=False)
    """The same, of those that were."""

    @property
    def answered(self) -> int:
        return sum(self.statuses.values())

    def quantile(self, share: float) -> float:
        return quantile(self.latencies, share)


def quantile(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def play(work: Coroutine[Any, Any, T], *, exactly: bool = True) -> T:
    """Run it on a loop whose timers are exact: epoll would round them to a millisecond.

    Not exactly: where connections are so many that select would take the server's core from it.
    """
    selector = selectors.SelectSelector if exactly else selectors.DefaultSelector
    with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(selector())) as runner:
        return runner.run(work)


async def connected(port: int, asks: Sequence[Asks]) -> list[Connection]:
    loop = asyncio.get_running_loop()
    return [
        (await loop.create_connection(lambda one=one: Connection(one), "127.0.0.1", port))[1]  # type: ignore[misc]
        for one in asks
    ]


def close(connections: Iterable[Connection]) -> None:
    for each in connections:
        each.close()


async def closed_loop(connections: Sequence[Connection], seconds: float) -> Load:
    """Each asks as soon as it is answered; what was asked in time is waited for."""
    until = time.perf_counter() + seconds
    return await _ask_all(connections, lambda: time.perf_counter() < until)


async def ask_for_all(connections: Sequence[Connection], count: int) -> Load:
    """Each asks as soon as it is answered, until so many have been asked."""
    assert count >= len(connections)
    to_ask = count - len(connections)

    def goes_on() -> bool:
        nonlocal to_ask
        to_ask -= 1
        return to_ask >= 0

    return await _ask_all(connections, goes_on)


async def _ask_all(connections: Sequence[Connection], goes_on: Callable[[], bool]) -> Load:
    began = time.perf_counter()
    over = asyncio.Event()
    statuses: Counter[int] = Counter()
    latencies: list[float] = []
    open_requests = len(connections)

    def ask(connection: Connection) -> None:
        asked_at = time.perf_counter()

        def answered(status: int, _: bytes) -> None:
            nonlocal open_requests
            statuses[status] += 1
            latencies.append(time.perf_counter() - asked_at)
            if connection.is_open and goes_on():
                ask(connection)
                return
            open_requests -= 1
            if not open_requests:
                over.set()

        connection.ask(answered)

    with _undisturbed():
        for connection in connections:
            ask(connection)
        await over.wait()
    return Load(seconds=time.perf_counter() - began, statuses=statuses, latencies=latencies)


class OpenLoop:
    """Requests that are due at given moments. One that finds no connection free waits for one.

    The time that a request waits counts, wherever it waits: nobody who is late asks less. Under
    overload the client is late itself: there only what the server takes may count.
    """

    def __init__(self, connections: Sequence[Connection], *, from_sending: bool = False) -> None:
        self._from_sending = from_sending
        self._idle = deque(connections)
        self._waiting: deque[float] = deque()
        self._statuses: Counter[int] = Counter()
        self._latencies: list[float] = []
        self._late: list[float] = []
        self._refused_after: list[float] = []
        self._open = 0

    async def run(self, due: Sequence[float]) -> Load:
        """`due`: seconds from now, ascending."""
        loop = asyncio.get_running_loop()
        with _undisturbed():
            began = time.perf_counter()
            for moment in due:
                while (wait := began + moment - time.perf_counter()) > 0:
                    await asyncio.sleep(max(0, wait - AWAKE_BEFORE))
                self._late.append(-wait)
                self._waiting.append(began + moment)
                self._send()
            asked_all_at = time.perf_counter()
            give_up_at = loop.time() + PATIENCE
            while (self._open or self._waiting) and loop.time() < give_up_at:
                await asyncio.sleep(0.002)
        return Load(
            seconds=max(asked_all_at - began, due[-1]),
            statuses=self._statuses,
            latencies=self._latencies,
            late=self._late,
            refused_after=self._refused_after,
        )

    def _send(self) -> None:
        while self._waiting and self._idle:
            connection = self._idle.popleft()
            if connection.is_open:
                self._ask(connection, self._waiting.popleft())

    def _ask(self, connection: Connection, due_at: float) -> None:
        counts_from = time.perf_counter() if self._from_sending else due_at

        def answered(status: int, _: bytes) -> None:
            self._open -= 1
            self._statuses[status] += 1
            noted = self._refused_after if status == 503 else self._latencies
            noted.append(time.perf_counter() - counts_from)
            self._idle.append(connection)
            self._send()

        self._open += 1
        connection.ask(answered)


def evenly(rate: float, seconds: float) -> list[float]:
    return [number / rate for number in range(max(1, int(rate * seconds)))]


def at_random(rate: float, seconds: float) -> list[float]:
    """As independent clients come: a Poisson process."""
    draw = random.Random(1)  # noqa: S311 - the same load each time
    moments = [0.0]
    while (now := moments[-1] + draw.expovariate(rate)) < seconds:
        moments.append(now)
    return moments


@contextmanager
def _undisturbed() -> Iterator[None]:
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
