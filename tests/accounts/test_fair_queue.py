"""The queue before argon2: bounded, and shared fairly between networks."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from token_server.accounts.fair_queue import FairQueue
from token_server.tokens.refusals import Overloaded

pytestmark = pytest.mark.anyio


class HeldQueue:
    """One slot, which is busy until the block is left; notes in which order jobs ran."""

    def __init__(self, *, waiting: int) -> None:
        self.ran: list[str] = []
        self._queue = FairQueue(slots=1, waiting=waiting)
        self._gate = threading.Event()
        self._first = self.ask("first")

    def ask(self, network: str) -> "asyncio.Task[None]":
        return asyncio.create_task(self._queue.run(network, lambda: self._work(network)))

    @contextmanager
    def held(self) -> Iterator[None]:
        try:
            yield
        finally:
            self._gate.set()

    def _work(self, network: str) -> None:
        self._gate.wait(10)
        self.ran.append(network)


async def refused(tasks: list["asyncio.Task[None]"]) -> list[bool]:
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    return [isinstance(outcome, Overloaded) for outcome in outcomes]


async def test_networks_are_served_in_turn() -> None:
    queue = HeldQueue(waiting=10)
    with queue.held():
        asked = [queue.ask(network) for network in "aaaabbc"]
        await asyncio.sleep(0)
    assert not any(await refused(asked))
    assert queue.ran == ["first", "a", "b", "c", "a", "b", "a", "a"]


async def test_a_full_queue_has_places_for_other_networks() -> None:
    queue = HeldQueue(waiting=6)
    with queue.held():
        flood = [queue.ask("flood") for _ in range(50)]
        others = [queue.ask(network) for network in ("one", "two", "three")]
        await asyncio.sleep(0)
    assert await refused(flood) == [False] * 3 + [True] * 47
    assert await refused(others) == [False] * 3


async def test_two_floods_share_the_queue_and_leave_a_third_network_its_place() -> None:
    queue = HeldQueue(waiting=6)
    with queue.held():
        floods = [queue.ask(network) for _ in range(50) for network in ("one", "two")]
        other = queue.ask("other")
        await asyncio.sleep(0)
    await refused(floods)
    assert await refused([other]) == [False]
    served = [queue.ran.count(network) for network in ("one", "two", "other")]
    assert sorted(served) == [1, 2, 3]


async def test_one_network_alone_may_use_the_whole_queue() -> None:
    queue = HeldQueue(waiting=6)
    with queue.held():
        asked = [queue.ask("one") for _ in range(8)]
        await asyncio.sleep(0)
    assert await refused(asked) == [False] * 6 + [True] * 2
