"""The parent's loop: posts filled, signals obeyed, the store alive; at the end, all drained."""

import os
import selectors
import signal
import socket
import sys
import time
from collections.abc import Sequence
from contextlib import suppress

import structlog

from token_server.process.child import Orders
from token_server.process.post import Post
from token_server.process.signals import SignalPipe
from token_server.process.store_watch import StoreWatch
from token_server.process.tally import Tally

# Signals and deaths wake the loop at once; the store is looked after this often.
TICK_SECONDS = 0.2
log = structlog.get_logger(__name__)

LEAVE = frozenset({signal.SIGTERM, signal.SIGINT})


class Supervisor:
    """Plain synchronous code on one thread: workers die with the thread that started them."""

    def __init__(
        self,
        listeners: Sequence[socket.socket],
        tally: Tally,
        orders: Orders,
        store: StoreWatch | None,
    ) -> None:
        self._listeners = listeners
        drain_period = orders.settings.drain_period.total_seconds()
        self._drain_seconds = drain_period + orders.drain_seconds
        self._posts = [Post(listeners, seat, orders) for seat in tally.seats()]
        self._store = store
        self._signals = SignalPipe({*LEAVE, signal.SIGHUP, signal.SIGCHLD})

    def start(self) -> bool:
        """Return once all workers listen; False: told to leave before. Raises: Problem."""
        while not all(post.is_ready for post in self._posts):
            for post in self._posts:
                if problem := post.tend(time.monotonic()):
                    raise problem
            if self._wait() & LEAVE:
                return False
        return True

    def watch(self) -> None:
        """Return once told to leave."""
        while not (arrived := self._wait()) & LEAVE:
            if signal.SIGHUP in arrived:
                self._pass_on(signal.SIGHUP)
            for post in self._posts:
                if problem := post.tend(time.monotonic()):
                    log.error(problem.text, hint=problem.hint)
                    log.info("another worker takes its place")
            self._tend_store()
            self._reap_orphans()

    def drain(self) -> None:
        """Let the workers finish what they have begun, but not for ever."""
        # A socket that we kept would go on taking connections that nobody answers.
        for each in self._listeners:
            each.close()
        for post in self._posts:
            post.send(signal.SIGTERM)
        give_up_at = time.monotonic() + self._drain_seconds
        while any(post.child for post in self._posts):
            # Whoever asks twice cannot wait.
            if signal.SIGINT in self._wait() or time.monotonic() >= give_up_at:
                log.error("requests in flight are given up")
                self.kill()
            for post in self._posts:
                post.bury(time.monotonic())
            self._tend_store()
            self._reap_orphans()

    def kill(self) -> None:
        for post in self._posts:
            post.kill()

    def _pass_on(self, arrived: signal.Signals) -> None:
        for post in self._posts:
            post.send(arrived)

    def _tend_store(self) -> None:
        if self._store:
            self._store.tend()

    def _reap_orphans(self) -> None:
        """Let children end that another process left behind, as the first process must."""
        if sys.platform != "linux":
            return
        ours = {post.child.pid for post in self._posts if post.child}
        if self._store and self._store.pid:
            ours.add(self._store.pid)
        with suppress(ChildProcessError):
            # WNOWAIT: how our own end is found out elsewhere.
            while ended := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT):
                if ended.si_pid in ours:
                    return
                os.waitpid(ended.si_pid, os.WNOHANG)

    def _wait(self) -> set[signal.Signals]:
        """The signals that arrived, as soon as there is anything to do."""
        with selectors.DefaultSelector() as selector:
            selector.register(self._signals, selectors.EVENT_READ)
            for post in self._posts:
                if post.child:
                    selector.register(post.child, selectors.EVENT_READ)
            selector.select(TICK_SECONDS)
        return self._signals.arrived()
