"""Writes an answer at once, head and body together: one write, and its reader wakes once."""

from collections.abc import Iterable
from functools import lru_cache
from http import HTTPStatus

from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn._types import ASGI3Application, ASGISendEvent, HTTPResponseStartEvent
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

from token_server import slots
from token_server.tokens.refusals import Overloaded
from token_server.web.dialects import camel
from token_server.web.dialects.dialect import NO_PATH, Occurrence
from token_server.web.wire import TURN

EVERY_ANSWER = ((b"x-content-type-options", b"nosniff"),)
"""Header fields that every answer has (process/http_server.py adds them to all but one)."""


def _in_full() -> bytes:
    # Written once, before any request: so it names none.
    refusal = camel.refuse(Overloaded(), at=Occurrence(NO_PATH, trace_id=None))
    fields = [b"%b: %b\r\n" % each for each in (*EVERY_ANSWER, *refusal.raw_headers)]
    return b"".join([STATUS_LINE[503], *fields, b"\r\n", refusal.body])


_OVERLOADED = _in_full()
_OVERLOADED_HEAD = _OVERLOADED[: _OVERLOADED.index(b"\r\n\r\n") + 4]


def overloaded(method: bytes) -> bytes:
    """Said to whoever would have to wait for too long, in the shape of early refusals."""
    # RFC 9110 §9.3.2: a body after HEAD would pass for the start of the next answer.
    return _OVERLOADED_HEAD if method == b"HEAD" else _OVERLOADED


_CLOSING = b"connection: close\r\n"
_OVERLOADED_AND_CLOSED = _OVERLOADED.replace(b"\r\n\r\n", b"\r\n" + _CLOSING + b"\r\n", 1)


def farewell(status: HTTPStatus, headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """The last answer of a connection: an overload as always, all others in plain text."""
    if status is HTTPStatus.SERVICE_UNAVAILABLE:
        return _OVERLOADED_AND_CLOSED
    text = status.phrase.encode()
    fields = [
        *headers,
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", str(len(text)).encode()),
        (b"connection", b"close"),
    ]
    lines = b"".join(name + b": " + value + b"\r\n" for name, value in fields)
    return STATUS_LINE[status] + lines + b"\r\n" + text


class Cycle(RequestResponseCycle):
    """One request and its answer. What is no plain answer is left to uvicorn."""

    _start: HTTPResponseStartEvent | None = None

    async def run_asgi(self, app: ASGI3Application) -> None:
        turn = self.scope[TURN]  # type: ignore[literal-required]
        slots.hold(turn)
        try:
            await super().run_asgi(app)
        finally:
            turn.end()

    async def send(self, message: ASGISendEvent) -> None:
        if message["type"] == "http.response.start" and not self.response_started:
            self._start = message
            return
        # uvicorn reports a lost connection only to the last request of a pipeline.
        if self.transport.is_closing():
            self.disconnected = True
        if self._start is not None:
            start, self._start = self._start, None
            if message["type"] == "http.response.body" and not message.get("more_body", False):
                answer = self._whole(start, message.get("body", b""))
                if answer is not None and not self.flow.write_paused and not self.disconnected:
                    self._write(answer)
                    return
            await self._wait_for_reader()
            await super().send(start)
        await super().send(message)

    async def _wait_for_reader(self) -> None:
        if self.flow.write_paused and not self.disconnected:
            await self.flow.drain()
            if self.transport.is_closing():
                self.disconnected = True

    def _whole(self, start: HTTPResponseStartEvent, body: bytes) -> bytes | None:
        if self.scope["method"] == "HEAD":
            return None
        fields = (*self.default_headers, *start.get("headers", ()))
        head = _head(start["status"], fields, len(body))
        if head is None:
            return None
        return b"%b%b\r\n%b" % (head, b"" if self.keep_alive else _CLOSING, body)

    def _write(self, answer: bytes) -> None:
        self.transport.write(answer)
        self.response_started = self.response_complete = True
        self.waiting_for_100_continue = False
        self.message_event.set()
        if not self.keep_alive:
            self.transport.close()
        self.on_response()


@lru_cache(maxsize=64)
def _head(status: int, fields: tuple[tuple[bytes, bytes], ...], size: int) -> bytes | None:
    """None of an answer that is not plain. Most answers of one second have the same."""
    lines = [STATUS_LINE[status], *[b"%b: %b\r\n" % each for each in fields]]
    head = b"".join(lines)
    if (
        b"\r\ncontent-length: %d\r\n" % size not in head
        or b"\r\nconnection:" in head
        or b"\r\ntransfer-encoding:" in head
        # RFC 9110 §5.5: what would split the answer must not be in a field.
        or not head.count(b"\r") == head.count(b"\n") == len(lines)
        or b"\0" in head
    ):
        return None
    return head


def closing_unless_read(app: ASGIApp) -> ASGIApp:
    """Close after an answer that came before `100 Continue`.

    RFC 9110 §10.1.1: the client may then leave the body out or send it. What comes next on the
    connection could be either, a body or a request.
    """

    async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
        is_read = False

        async def read() -> Message:
            nonlocal is_read
            is_read = True
            return await receive()

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start" and not is_read:
                message["headers"] = [*message.get("headers", ()), (b"connection", b"close")]
            await send(message)

        await app(scope, read, answer)

    return wrapped
