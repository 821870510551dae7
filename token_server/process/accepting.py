"""Takes connections from the sockets that all workers listen on, so that each holds its share.

The kernel wakes every worker, and knows nothing of what each holds. So a worker that holds more
than another leaves what waits to that one for a while: the more it is ahead, the longer. In the
end it takes it all the same; nobody waits for a worker that is stuck.
"""

import asyncio
import math
import select
import socket
from collections.abc import Awaitable, Callable, Sequence
from contextlib import ExitStack, suppress
from functools import partial

import structlog

from token_server.process.room import Room
from token_server.process.sockets import BACKLOG
from token_server.process.tally import Seat

OpenConnection = Callable[[socket.socket, Callable[[], None]], Awaitable[None]]
"""Serves an accepted socket from now on, and calls back when its connection is lost."""

# So many more than another are no matter.
LEAD = 2
# Whoever is ahead by twice as much waits for so much longer. A busy worker looks at what waits
# once in a turn of its loop, which takes as long as a few dozen refreshes.
WAITS_FOR_A_DOUBLING = 0.025
LOOKS_AGAIN_AFTER = 0.002
# Who comes back later than that was kept from its core, and so were the others: it proves nothing.
LONGEST_THAT_COUNTS = 0.01
MOST_IN_A_TURN = 64
# As asyncio has it: who has no file descriptor left tries again after so long.
NO_ROOM_FOR = 1.0
# Of a worker that leaves: longer than they take, and who never ends one holds up nothing else.
HANDSHAKES_END_WITHIN = 1.0

log = structlog.get_logger(__name__)


class Acceptor:
    """One worker's share of what comes."""

    def __init__(
        self, listeners: Sequence[socket.socket], seat: Seat, open_: OpenConnection, room: Room
    ) -> None:
        self._listeners = listeners
        self._seat = seat
        self._open = open_
        self._room = room
        self._loop = asyncio.get_running_loop()
        self._held: set[socket.socket] = set()
        self._taken = 0
        self._is_there = False
        self._opening: set[asyncio.Task[None]] = set()
        self._resumption: asyncio.TimerHandle | None = None
        self._left_at = 0.0
        self._left_for = 0.0
        """How long something has waited that no other worker has come for."""
        self._taken_elsewhere = 0
        self._waiting = select.poll()
        for each in listeners:
            self._waiting.register(each, select.POLLIN)

    def start(self) -> None:
        for each in self._listeners:
            each.settimeout(0)
        self._resume()

    async def close(self) -> None:
        """Take no more; what waits is for the others, or else for us, who leave last."""
        self._pause()
        self._leave()
        is_last = not self._seat.others()
        for listener in self._listeners:
            if is_last:
                with suppress(OSError):
                    for _ in range(BACKLOG):
                        self._begin(*listener.accept())
            listener.close()
        if self._opening:
            # Whose TLS handshake has begun counts as taken.
            await asyncio.wait(self._opening, timeout=HANDSHAKES_END_WITHIN)
        for each in self._opening:
            each.cancel()

    def _resume(self) -> None:
        waited = min(self._loop.time() - self._left_at, LONGEST_THAT_COUNTS)
        self._left_for = self._left_for + waited if self._waiting.poll(0) else 0.0
        self._is_there = True
        self._note()
        for each in self._listeners:
            self._loop.add_reader(each, self._take, each)

    def _pause(self) -> None:
        for each in self._listeners:
            self._loop.remove_reader(each)
        if self._resumption:
            self._resumption.cancel()

    def _resume_after(self, seconds: float) -> None:
        self._pause()
        self._left_at = self._loop.time()
        self._resumption = self._loop.call_later(seconds, self._resume)

    def _take(self, listener: socket.socket) -> None:
        self._room.make(len(self._held))
        try:
            for _ in range(MOST_IN_A_TURN):
                if not self._is_our_turn():
                    self._resume_after(LOOKS_AGAIN_AFTER)
                    return
                self._begin(*listener.accept())
        except (BlockingIOError, ConnectionAbortedError):
            # Another one was faster, or it was given up.
            self._left_for = 0.0
        except OSError as fault:
            log.warning("no connection is taken for a second", cause=fault.strerror)
            self._room.close_longest_idle()
            self._leave()
            self._resume_after(NO_ROOM_FOR)

    def _is_our_turn(self) -> bool:
        others = self._seat.others()
        lead = len(self._held) - min((held for held, _ in others), default=math.inf)
        if lead <= LEAD:
            return True
        taken = sum(each for _, each in others)
        if taken != self._taken_elsewhere:
            self._left_for, self._taken_elsewhere = 0.0, taken
        return self._left_for >= WAITS_FOR_A_DOUBLING * math.log2(lead / LEAD)

    def _begin(self, accepted: socket.socket, address: tuple[str, object]) -> None:
        if not self._room.enter(accepted, address[0]):
            accepted.close()
            return
        self._held.add(accepted)
        self._taken += 1
        self._note()
        task = self._loop.create_task(self._serve(accepted))
        self._opening.add(task)
        task.add_done_callback(self._opening.discard)

    async def _serve(self, accepted: socket.socket) -> None:
        with ExitStack() as unless_opened:
            unless_opened.callback(accepted.close)
            unless_opened.callback(self._lose, accepted)
            # Where a TLS handshake comes to nothing.
            with suppress(OSError):
                await self._open(accepted, partial(self._lose, accepted))
                unless_opened.pop_all()

    def _lose(self, accepted: socket.socket) -> None:
        self._held.discard(accepted)
        self._room.leave(accepted)
        self._note()

    def _note(self) -> None:
        if self._is_there:
            self._seat.note(held=len(self._held), taken=self._taken)

    def _leave(self) -> None:
        self._is_there = False
        self._seat.vacate()
