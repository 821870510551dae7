"""Which connections a worker takes: few enough of each network, and some room for more."""

import asyncio
import socket
from collections import Counter
from collections.abc import Callable, Collection
from heapq import nsmallest

import structlog

from token_server.networks import network_of
from token_server.process.file_limit import ConnectionLimits
from token_server.web.connection import Connection

SHARE_TO_CLOSE = 16
"""Of the idle connections a sixteenth is closed at a time: looking through them takes a while."""
LOG_INTERVAL_SECONDS = 1.0

log = structlog.get_logger(__name__)


class Room:
    """The connections of one worker, counted by network."""

    def __init__(
        self,
        limits: ConnectionLimits,
        connections: Collection[object],
        *,
        is_exempt: Callable[[str], bool],
    ) -> None:
        self._limits = limits
        self._connections = connections
        self._is_exempt = is_exempt
        self._networks: dict[socket.socket, str] = {}
        self._counts: Counter[str] = Counter()
        self._unreported: Counter[str] = Counter()

    def enter(self, accepted: socket.socket, address: str) -> bool:
        """Count a connection; False: its network has too many. A trusted proxy has no limit."""
        if self._is_exempt(address):
            return True
        network = network_of(address)
        if self._counts[network] >= self._limits.most_of_network:
            self._report("refused: too many of a network")
            return False
        self._counts[network] += 1
        self._networks[accepted] = network
        return True

    def leave(self, accepted: socket.socket) -> None:
        network = self._networks.pop(accepted, None)
        if network is not None:
            self._counts[network] -= 1
            if not self._counts[network]:
                del self._counts[network]

    def make(self, held: int) -> None:
        """Close idle connections if so many are held that file descriptors may run out."""
        if held >= self._limits.most:
            self.close_longest_idle()

    def close_longest_idle(self) -> None:
        idle = [
            each
            for each in self._connections
            if isinstance(each, Connection) and each.idle_until is not None
        ]
        for each in nsmallest(1 + len(idle) // SHARE_TO_CLOSE, idle, key=_idle_until):
            self._report("closed: idle, and too many are open")
            each.timeout_keep_alive_handler()

    def _report(self, what: str) -> None:
        if not self._unreported:
            asyncio.get_running_loop().call_later(LOG_INTERVAL_SECONDS, self._log)
        self._unreported[what] += 1

    def _log(self) -> None:
        log.warning("connections were closed", **self._unreported)
        self._unreported.clear()


def _idle_until(connection: Connection) -> float:
    return connection.idle_until or 0.0
