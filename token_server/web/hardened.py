"""Reads HTTP/1.1 strictly: bounded heads, bounded waiting, one Host, no smuggling.

What uvicorn's httptools protocol lets pass and this one refuses is listed in
`tests/web/test_hardened.py`, row by row.
"""

import asyncio
from enum import Enum, auto
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote

import httptools
from uvicorn._types import ASGI3Application
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from token_server.web.answering import Cycle, closing_unless_read, farewell, overloaded
from token_server.web.framing import framing_of, is_framed, path_and_query
from token_server.web.overload import Crowd, Turn
from token_server.web.patience import Patience
from token_server.web.wire import IS_GONE, TURN

HTTP_VERSIONS = ("1.1", "1.0")
ANSWERED_ALWAYS = (b"/livez", b"/readyz", b"/.well-known/")


class Stage(Enum):
    """How much of a request has been read."""

    IDLE = auto()
    HEAD = auto()
    BODY = auto()


class Unreadable(Exception):
    """Raised in a callback of the parser, which then stops; tells how to answer."""

    def __init__(self, status: HTTPStatus) -> None:
        self.status = status


class Hardened(HttpToolsProtocol):
    """One connection. uvicorn makes one of these for each."""

    MAX_HEAD_BYTES = 32_768
    MAX_HEADERS = 64
    MAX_PIPELINED = 64
    MAX_AT_ONCE = 256
    """Of a worker. Each takes most of a millisecond: the last waits for a quarter of a second."""
    RECEIVE_SECONDS = 5.0

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._stage = Stage.IDLE
        self._is_turned_away = False
        self._turned_away_method, self._is_kept = b"", True
        self._head_bytes = 0
        self._swallowed_bytes = 0
        self._idle = Patience(
            self.loop, seconds=self.timeout_keep_alive, on_end=self.timeout_keep_alive_handler
        )
        self._receiving = Patience(
            self.loop, seconds=self.RECEIVE_SECONDS, on_end=self._on_half_received
        )
        self._crowd = Crowd.of(server_state)

    # The transport speaks.

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._receiving.begin()

    def connection_lost(self, exc: Exception | None) -> None:
        self._receiving.forget()
        self._idle.forget()
        self._crowd.held_up.discard(self)
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._note_who_waits()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._note_who_waits()

    def data_received(self, data: bytes) -> None:
        self._idle.stop()
        self._swallowed_bytes += len(data)
        try:
            self._feed(data)
        except httptools.HttpParserError as error:
            cause = error.__context__
            self._reject(cause.status if isinstance(cause, Unreadable) else HTTPStatus.BAD_REQUEST)
            return
        finally:
            self._note_who_waits()
        # The parser keeps a header or trailer to itself until it has seen all of it.
        if self._swallowed_bytes > self.MAX_HEAD_BYTES:
            self._reject(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        elif self._swallowed_bytes or self._stage is not Stage.IDLE:
            self._receiving.begin()

    # The parser speaks.

    def on_message_begin(self) -> None:
        if self._stage is not Stage.IDLE:
            return
        super().on_message_begin()
        self._stage = Stage.HEAD
        self._head_bytes = 0

    def on_url(self, url: bytes) -> None:
        if self._stage is Stage.HEAD:
            self._count(len(url))
            super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        # RFC 9110 §6.5.1: a trailer must not pass for a header. Nobody here wants trailers.
        if self._stage is Stage.HEAD:
            self._count(len(name) + len(value))
            name = name.lower()
            if name == b"expect" and value.lower() == b"100-continue":
                self.expect_100_continue = True
            self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        if self._stage is not Stage.HEAD:
            return
        self._check_head()
        target = path_and_query(self.url)
        self._stage = Stage.BODY
        if self._has_too_much_to_do():
            self._is_turned_away = True
            # Now: the successor of a parser (see _feed) knows of neither.
            self._turned_away_method = self.parser.get_method()
            self._is_kept = self.parser.should_keep_alive()
            return
        self._complete_scope(*target)
        app = self.config.loaded_app
        self._begin(closing_unless_read(app) if self.expect_100_continue else app)  # type: ignore[arg-type]

    def on_body(self, body: bytes) -> None:
        self._swallowed_bytes = 0
        if not self._is_turned_away:
            super().on_body(body)

    def on_message_complete(self) -> None:
        if self.parser.should_upgrade():
            return  # The parser gives up here; its successor will read the body. See _feed.
        if self._is_turned_away:
            self._turn_away()
        else:
            self.cycle.scope[TURN].is_waited_for()  # type: ignore[literal-required]
            super().on_message_complete()
            if self.cycle.response_complete:
                self._idle.begin()  # What came after the answer had stopped it.
        self._stage = Stage.IDLE
        self._swallowed_bytes = 0
        self._receiving.stop()

    def on_response_complete(self) -> None:
        """As HttpToolsProtocol, but without a timer for each request."""
        self._crowd.leave()
        self.server_state.total_requests += 1
        if not self.transport.is_closing():
            self.flow.resume_reading()
            if self.pipeline:
                self._start_asgi_task(*self.pipeline.pop())
            else:
                self._idle.begin()
        self._note_who_waits()

    # What follows from it.

    def _feed(self, data: bytes) -> None:
        """Parse, and ignore every wish to upgrade (RFC 9110 §7.8).

        On `Upgrade` the parser stops after the head and takes the body for another protocol;
        Java's and curl's clients, which ask for h2c with each POST, would lose their body.
        """
        while True:
            try:
                self.parser.feed_data(data)
            except httptools.HttpParserUpgrade as upgrade:
                data = data[upgrade.args[0] :]
                self.parser = httptools.HttpRequestParser(self)
                # As in HttpToolsProtocol: what follows the last request is nobody's.
                self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
                self.parser.feed_data(framing_of(self.scope["headers"]))
            else:
                return

    def _has_too_much_to_do(self) -> bool:
        """Whether this one would wait for too long; its health and keys it tells all the same."""
        return (
            self._crowd.has(self.MAX_AT_ONCE)
            and not self.url.startswith(ANSWERED_ALWAYS)
            and (self.cycle is None or self.cycle.response_complete)  # type: ignore[redundant-expr]
            and not self.expect_100_continue
        )

    def _note_who_waits(self) -> None:
        """Who sends half a body, or reads no answers, takes nobody's place: it costs no time."""
        is_unheard = self._stage is Stage.BODY and not self.pipeline
        runs = self.cycle is not None and (self.pipeline or not self.cycle.response_complete)  # type: ignore[redundant-expr]
        if runs and (is_unheard or self.flow.write_paused) and not self.transport.is_closing():
            self._crowd.held_up.add(self)
        else:
            self._crowd.held_up.discard(self)

    def _turn_away(self) -> None:
        self._is_turned_away = False
        self._crowd.turned_away("too_many_at_once")
        if self.flow.write_paused:
            self.transport.abort()  # Who asks on, and reads no answer, would fill our memory.
            return
        self.transport.write(overloaded(self._turned_away_method))
        if not self._is_kept:
            self.transport.close()
        self.on_response_complete()

    def _complete_scope(self, raw_path: bytes, query: bytes) -> None:
        path = raw_path.decode("ascii")
        self.scope["method"] = self.parser.get_method().decode("ascii")
        self.scope["http_version"] = self.parser.get_http_version()
        self.scope["path"] = unquote(path) if "%" in path else path
        self.scope["raw_path"] = raw_path
        self.scope["query_string"] = query
        self.scope[IS_GONE] = self.transport.is_closing  # type: ignore[literal-required]
        self.scope[TURN] = Turn(self._crowd)  # type: ignore[literal-required]

    def _begin(self, app: ASGI3Application) -> None:
        """As HttpToolsProtocol, but the cycle is ours."""
        before = self.cycle
        self.cycle = Cycle(
            scope=self.scope,
            transport=self.transport,
            flow=self.flow,
            logger=self.logger,
            access_logger=self.access_logger,
            access_log=False,
            default_headers=self.server_state.default_headers,
            message_event=asyncio.Event(),
            expect_100_continue=self.expect_100_continue,
            keep_alive=self.scope["http_version"] != "1.0" and self.parser.should_keep_alive(),
            on_response=self.on_response_complete,
        )
        if before is None or before.response_complete:  # type: ignore[redundant-expr]
            self._start_asgi_task(self.cycle, app)
        else:
            self.flow.pause_reading()
            self.pipeline.appendleft((self.cycle, app))

    def _count(self, size: int) -> None:
        self._swallowed_bytes = 0
        self._head_bytes += size
        if self._head_bytes > self.MAX_HEAD_BYTES or len(self.headers) >= self.MAX_HEADERS:
            raise Unreadable(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)

    def _check_head(self) -> None:
        version, method = self.parser.get_http_version(), self.parser.get_method()
        if version not in HTTP_VERSIONS:
            raise Unreadable(HTTPStatus.HTTP_VERSION_NOT_SUPPORTED)
        if method == b"CONNECT":
            raise Unreadable(HTTPStatus.NOT_IMPLEMENTED)
        if not is_framed(self.headers, version) or len(self.pipeline) >= self.MAX_PIPELINED:
            raise Unreadable(HTTPStatus.BAD_REQUEST)

    def _reject(self, status: HTTPStatus) -> None:
        """Answer and close, but never in the place of an answer owed to an earlier request."""
        self._receiving.stop()
        is_begun = self._stage is Stage.BODY and not self._is_turned_away
        is_owed = self.cycle is not None and not self.cycle.response_complete  # type: ignore[redundant-expr]
        if is_owed and not is_begun:
            self.cycle.keep_alive = False
            return
        if self.flow.write_paused:
            self.transport.abort()  # Who reads no answer would keep its task, and a place with it.
            return
        if not is_begun or not (self.cycle.response_started or self.pipeline):
            if is_begun:
                # The app may speak once more before it is told that the connection is gone.
                self.cycle.disconnected = True
            self.transport.write(farewell(status, self.server_state.default_headers))
        self.transport.close()

    def _on_half_received(self) -> None:
        if self.flow.read_paused:
            self._receiving.begin()  # It was us who did not read.
        else:
            self.transport.abort()
