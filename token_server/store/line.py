"""One connection to the store that all requests of a worker share.

What is asked in one turn of the event loop goes out in one write, and is answered in order.
"""

import asyncio
from collections import deque
from typing import Any, Final

import hiredis
from redis.asyncio import ConnectionPool
from redis.asyncio.connection import AbstractConnection  # noqa: TC002 - no exceptions here
from redis.exceptions import ConnectionError as NotConnected
from redis.exceptions import NoScriptError, ResponseError

Argument = str | bytes | int

_NOT_ALL_THERE: Final = object()
_CLOSED = "Connection closed by server."


class Line:
    """A connection of the pool's, in use for as long as it stands; then another takes its place.

    `answered_within`: a connection that is silent for longer is taken for dead.
    """

    def __init__(self, pool: ConnectionPool, *, answered_within: float) -> None:
        self._pool = pool
        self._answered_within = answered_within
        self._wire: Wire | None = None
        self._connection: AbstractConnection | None = None
        """That the wire stands on: the pool closes it with all others."""
        self._connecting: asyncio.Task[Wire] | None = None

    def ask_at_once(self, *words: Argument) -> asyncio.Future[Any] | None:
        """The answer to come; None where a connection must be made first.

        Raises, where it is waited for: as `ask`.
        """
        if self._wire is None or not self._wire.stands:
            return None
        return self._wire.ask(*words)

    async def ask(self, *words: Argument) -> Any:  # noqa: ANN401 - what a command answers
        """Its answer. Raises: NotConnected, maybe after it was carried out; ResponseError."""
        asked = self.ask_at_once(*words)
        if asked is None:
            asked = (await self._another()).ask(*words)
        return await asked

    async def _another(self) -> "Wire":
        """All who need one wait for the same; that one of them goes away is no matter to it."""
        if self._connecting is None:
            self._connecting = asyncio.create_task(self._connect())
            self._connecting.add_done_callback(self._on_connected)
        return await asyncio.shield(self._connecting)

    def _on_connected(self, connecting: "asyncio.Task[Wire]") -> None:
        self._connecting = None
        if not connecting.cancelled() and not connecting.exception():
            self._wire = connecting.result()

    async def _connect(self) -> "Wire":
        if old := self._connection:
            self._connection = None
            await old.disconnect(nowait=True)
            await self._pool.release(old)
        # Addresses, TLS, passwords and the choice of a database are redis-py's.
        connection: AbstractConnection = await self._pool.get_connection()  # type: ignore[no-untyped-call]
        self._connection = connection
        transport = connection._writer.transport  # type: ignore[union-attr]  # noqa: SLF001 - no other way to it
        return Wire(transport, answered_within=self._answered_within)


class Wire(asyncio.Protocol):
    """A connection while it stands. Once it does not, whoever waits for an answer is told."""

    def __init__(self, transport: asyncio.WriteTransport, *, answered_within: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._transport = transport
        self._answered_within = answered_within
        # It must learn of the end too: redis-py waits for that when it closes the connection.
        self._redis_py = transport.get_protocol()
        self._answers = hiredis.Reader(notEnoughData=_NOT_ALL_THERE)
        self._unsent: list[bytes] = []
        self._unanswered: deque[tuple[float, asyncio.Future[Any]]] = deque()
        self._watch: asyncio.TimerHandle | None = None
        transport.set_protocol(self)

    @property
    def stands(self) -> bool:
        return not self._transport.is_closing()

    def ask(self, *words: Argument) -> asyncio.Future[Any]:
        packed = hiredis.pack_command(words)  # type: ignore[arg-type]  # of any length
        answer = self._loop.create_future()
        if not self.stands:
            # Lost between its making and this question: no end of it will come any more.
            answer.set_exception(NotConnected(_CLOSED))
            return answer
        now = self._loop.time()
        self._unanswered.append((now, answer))
        if not self._unsent:
            self._loop.call_soon(self._send)
        self._unsent.append(packed)
        if self._watch is None:
            self._watch = self._loop.call_at(now + self._answered_within, self._look)
        return answer

    def cut(self) -> None:
        self._transport.abort()

    def data_received(self, data: bytes) -> None:
        self._answers.feed(data)
        try:
            while (answer := self._answers.gets()) is not _NOT_ALL_THERE:
                # Whoever asked may have gone; the answer is still the one to that question.
                if not isinstance(answer, hiredis.PushNotification):
                    _, asked = self._unanswered.popleft()
                    if not asked.done():
                        self._tell(asked, answer)
        except (hiredis.ProtocolError, IndexError):
            self.cut()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._watch is not None:
            self._watch.cancel()
        for _, asked in self._unanswered:
            if not asked.done():
                asked.set_exception(NotConnected(_CLOSED))
        self._unanswered.clear()
        self._redis_py.connection_lost(exc)

    def _tell(self, asked: asyncio.Future[Any], answer: object) -> None:
        if not isinstance(answer, hiredis.ReplyError):
            asked.set_result(answer)
            return
        text = str(answer)
        is_no_script = text.startswith("NOSCRIPT")
        asked.set_exception(NoScriptError(text) if is_no_script else ResponseError(text))
        if text.startswith("READONLY"):
            # A failover has made a replica of it: the next one to ask looks for the primary.
            self.cut()

    def _send(self) -> None:
        if self.stands:
            self._transport.write(b"".join(self._unsent))
        self._unsent.clear()

    def _look(self) -> None:
        """Whether the oldest question waits for too long: those after it cannot be answered."""
        self._watch = None
        if not self._unanswered:
            return
        due_at = self._unanswered[0][0] + self._answered_within
        if due_at <= self._loop.time():
            self.cut()
        else:
            self._watch = self._loop.call_at(due_at, self._look)
