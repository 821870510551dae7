"""A bounded queue in front of a thread pool, shared fairly between networks."""

import asyncio
import os
import sys
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

from token_server.tokens.refusals import Overloaded

T = TypeVar("T")

NICENESS = 15
LONGEST_WAIT_SECONDS = 5.0
"""For a thread: a client that waited for longer has repeated its request."""


@dataclass(eq=False, slots=True)
class _Job:
    network: str
    work: Callable[[], object]
    result: asyncio.Future[Any]
    queued_at: float = field(default_factory=time.monotonic)


class FairQueue:
    """Runs `slots` jobs at once; `waiting` more wait, and networks are served in turn.

    One network alone may use all of the queue. If the queue is full, a network with fewer jobs in
    it takes a place of the network with the most. So a flood delays the jobs of another network
    by few of its own. For one event loop.
    """

    def __init__(self, *, slots: int, waiting: int) -> None:
        self._threads = ThreadPoolExecutor(slots, "argon2", initializer=_lower_priority)
        self._free_slots = slots
        self._waiting = waiting
        # In the order in which the networks are served next; none of them is empty.
        self._jobs: OrderedDict[str, list[_Job]] = OrderedDict()

    async def run(self, network: str, work: Callable[[], T]) -> T:
        """Return what `work` returns, in a thread. Raises: Overloaded."""
        job = _Job(network, work, asyncio.get_running_loop().create_future())
        if self._free_slots:
            self._start(job)
        else:
            self._enqueue(job)
        try:
            return cast("T", await job.result)
        finally:
            # A cancelled job leaves the queue; one that runs keeps its thread until it is done.
            self._remove(job)

    def _enqueue(self, job: _Job) -> None:
        if sum(map(len, self._jobs.values())) >= self._waiting:
            self._make_room(len(self._jobs.get(job.network, ())))
        self._jobs.setdefault(job.network, []).append(job)

    def _make_room(self, own: int) -> None:
        """Refuse the newest job of the network with the most. Raises: Overloaded."""
        jobs = max(self._jobs.values(), key=len, default=[])
        # With one more than the newcomer, both would only swap their numbers.
        if len(jobs) <= own + 1:
            raise Overloaded
        newest = jobs[-1]
        self._remove(newest)
        newest.result.set_exception(Overloaded())

    def _remove(self, job: _Job) -> None:
        jobs = self._jobs.get(job.network, [])
        if job in jobs:
            jobs.remove(job)
            if not jobs:
                del self._jobs[job.network]

    def _start(self, job: _Job) -> None:
        self._free_slots -= 1
        running = asyncio.get_running_loop().run_in_executor(self._threads, job.work)
        running.add_done_callback(lambda done: self._finish(job, done))

    def _finish(self, job: _Job, done: "asyncio.Future[object]") -> None:
        self._free_slots += 1
        if done.cancelled():  # The event loop ends.
            return
        fault = done.exception()
        if job.result.done():
            pass
        elif fault is not None:
            job.result.set_exception(fault)
        else:
            job.result.set_result(done.result())
        self._start_next()

    def _start_next(self) -> None:
        while self._jobs and self._free_slots:
            network, jobs = self._jobs.popitem(last=False)
            job = jobs.pop(0)
            if jobs:
                self._jobs[network] = jobs
            if time.monotonic() - job.queued_at > LONGEST_WAIT_SECONDS:
                job.result.set_exception(Overloaded())
            else:
                self._start(job)


def _lower_priority() -> None:
    """A log-in takes a core for fifty times as long as a refresh, so refreshes come first."""
    if sys.platform == "linux":  # Elsewhere a thread has no priority of its own.
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
