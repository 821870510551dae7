"""Who would wait for too long, or already has, is turned away; operators are told how many."""

import asyncio
import time
from collections import Counter
from weakref import WeakValueDictionary

import structlog
from uvicorn.server import ServerState

from token_server.networks import network_of
from token_server.tokens.refusals import WaitedTooLong

LONGEST_WAIT_SECONDS = 2.0
"""In the worker, from when all of a request was read until it gets its turn.

Nobody waits longer for the store either (store/engine.py).
"""
TOLD_EVERY_SECONDS = 1.0

log = structlog.get_logger(__name__)


class Share:
    """The slots that requests from one network hold."""

    __slots__ = ("__weakref__", "taken")

    def __init__(self) -> None:
        self.taken = 0


class Crowd:
    """The requests of one worker, and those that it turned away.

    There are `at_once` slots for all networks. If they are taken, a network that holds few of them
    gets one of a reserve, so that no network keeps all others out.
    """

    def __init__(self, tasks: "set[asyncio.Task[None]]", *, at_once: int) -> None:
        self._tasks = tasks
        self._at_once = at_once
        self._reserve = at_once // 2
        self._few = at_once // 8
        self._shares: WeakValueDictionary[str, Share] = WeakValueDictionary()
        self.taken = 0
        self.taken_of_reserve = 0
        self._turned_away: Counter[str] = Counter()
        self.is_leaving = False
        """The server is about to stop: its answers close their connections."""

    @classmethod
    def of(cls, server_state: ServerState, *, at_once: int) -> "Crowd":
        """The one of all connections of a server."""
        crowd: Crowd | None = vars(server_state).get("crowd")
        if crowd is None:
            crowd = vars(server_state)["crowd"] = cls(server_state.tasks, at_once=at_once)
        return crowd

    def share_of(self, address: str) -> Share:
        network = network_of(address)
        share = self._shares.get(network)
        if share is None:
            share = self._shares[network] = Share()
        return share

    def is_full_for(self, share: Share) -> bool:
        return self.taken >= self._at_once and not self.lends_to(share)

    def lends_to(self, share: Share) -> bool:
        """Whether a request of that network gets a slot of the reserve."""
        return (
            self.taken >= self._at_once
            and share.taken < self._few
            and self.taken_of_reserve < self._reserve
        )

    def leave(self) -> None:
        """The task at hand has answered. Before it is gone its client may have asked again.

        Nothing may be left for it to wait for: the server does not, when it stops.
        """
        if task := asyncio.current_task():
            self._tasks.discard(task)

    def turned_away(self, because: str) -> None:
        """Tell of it within a second, together with all others until then."""
        if not self._turned_away:
            asyncio.get_running_loop().call_later(TOLD_EVERY_SECONDS, self._tell)
        self._turned_away[because] += 1

    def _tell(self) -> None:
        log.warning("requests were turned away", **self._turned_away)
        self._turned_away.clear()


class Turn:
    """One request's waiting for its turn, which begins when all of it is read; and its slot.

    It holds a slot while it runs and nothing has set it aside.
    """

    __slots__ = ("_crowd", "_holds", "_is_lent", "_reasons_aside", "_runs", "_share", "since")

    def __init__(self, crowd: Crowd, share: Share | None) -> None:
        """Without a share it takes no slot."""
        self._crowd = crowd
        self._share = share
        self._runs = self._holds = self._is_lent = False
        self._reasons_aside = 0
        self.since = time.monotonic()

    def is_waited_for(self) -> None:
        self.since = time.monotonic()

    def check(self) -> None:
        """Raises: WaitedTooLong. Nothing was decided yet, and nothing is lost."""
        if time.monotonic() - self.since > LONGEST_WAIT_SECONDS:
            self._crowd.turned_away(WaitedTooLong.reason)
            raise WaitedTooLong

    @property
    def is_leaving(self) -> bool:
        return self._crowd.is_leaving

    def begin(self) -> None:
        self._runs = True
        self._settle()

    def end(self) -> None:
        """Its answer was given, or it will never be. Another call changes nothing."""
        self._runs = False
        self._settle()

    def set_aside(self) -> None:
        self._reasons_aside += 1
        self._settle()

    def take_again(self) -> None:
        self._reasons_aside -= 1
        self._settle()

    def turned_away(self, because: str) -> None:
        self._crowd.turned_away(because)

    def _settle(self) -> None:
        share, crowd = self._share, self._crowd
        holds = self._runs and not self._reasons_aside
        if share is None or holds is self._holds:
            return
        self._holds = holds
        if holds:
            self._is_lent = crowd.lends_to(share)
        change = 1 if holds else -1
        share.taken += change
        if self._is_lent:
            crowd.taken_of_reserve += change
        else:
            crowd.taken += change
