"""One connection: its requests, the answers that it owes, and how long it may wait."""

import asyncio
from enum import Enum, auto
from http import HTTPStatus
from typing import Any

from uvicorn._types import ASGI3Application
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from token_server.networks import UNKNOWN
from token_server.web.answering import Cycle, farewell, overloaded
from token_server.web.forwarded import NO_PROXIES, TrustedProxies
from token_server.web.overload import Crowd, Share, Turn
from token_server.web.patience import Patience
from token_server.web.wire import TURN

ANSWERED_ALWAYS = (b"/livez", b"/readyz", b"/.well-known/")


class Stage(Enum):
    """How much of a request has been read."""

    IDLE = auto()
    HEAD = auto()
    BODY = auto()


class Connection(HttpToolsProtocol):
    """The part of a connection that does not parse; `Hardened` reads the requests."""

    MAX_AT_ONCE = 256
    """Of a worker. Each takes most of a millisecond: the last waits for a quarter of a second."""
    RECEIVE_SECONDS = 5.0
    WRITE_SECONDS = 15.0
    """A client that does not read for so long is cut off."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
        *,
        trusted_proxies: TrustedProxies = NO_PROXIES,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._stage = Stage.IDLE
        self._is_rejected = self._is_turned_away = False
        self._previous: RequestResponseCycle | None = None
        self._turned_away_method, self._is_kept = b"", True
        self._idle = Patience(
            self.loop, seconds=self.timeout_keep_alive, on_end=self.timeout_keep_alive_handler
        )
        self._receiving = Patience(
            self.loop, seconds=self.RECEIVE_SECONDS, on_end=self._on_half_received
        )
        self._writing = Patience(self.loop, seconds=self.WRITE_SECONDS, on_end=self._on_unread)
        self._crowd = Crowd.of(server_state, at_once=self.MAX_AT_ONCE)
        self._share = self._crowd.share_of(UNKNOWN)
        self._turn: Turn | None = None
        """Of the request that is being served."""
        self._is_held_up = False
        self._trusted_proxies = trusted_proxies
        self._trusted_peer: str | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if self.client is not None:
            address = self.client[0]
            self._share = self._crowd.share_of(address)
            if self._trusted_proxies.trusts(address):
                self._trusted_peer = address
        self._receiving.begin()

    def connection_lost(self, exc: Exception | None) -> None:
        self._receiving.forget()
        self._idle.forget()
        self._writing.forget()
        super().connection_lost(exc)
        self._note_who_waits()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._writing.begin()
        self._note_who_waits()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._writing.stop()
        self._note_who_waits()

    def on_response_complete(self) -> None:
        """As HttpToolsProtocol, but without a timer for each request."""
        self._crowd.leave()
        if self._turn is not None:
            self._turn.end()
        self.server_state.total_requests += 1
        if not self.transport.is_closing():
            self.flow.resume_reading()
            if self.pipeline:
                self._run(*self.pipeline.pop())
            else:
                self._idle.begin()
        self._note_who_waits()

    def _has_too_much_to_do_for(self, share: Share | None) -> bool:
        """Whether this one would wait for too long; its health and keys it tells all the same."""
        return (
            share is not None
            and self._crowd.is_full_for(share)
            and (self.cycle is None or self.cycle.response_complete)  # type: ignore[redundant-expr]
        )

    def _note_who_waits(self) -> None:
        """Who sends half a body, or reads no answers, takes nobody's place: it costs no time."""
        is_unheard = self._stage is Stage.BODY and not self.pipeline
        runs = self.cycle is not None and (self.pipeline or not self.cycle.response_complete)  # type: ignore[redundant-expr]
        is_held_up = bool(
            runs and (is_unheard or self.flow.write_paused) and not self.transport.is_closing()
        )
        if is_held_up is not self._is_held_up and self._turn is not None:
            self._is_held_up = is_held_up
            if is_held_up:
                self._turn.set_aside()
            else:
                self._turn.take_again()

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
            self._run(self.cycle, app)
        else:
            self._previous = before
            self.flow.pause_reading()
            self.pipeline.appendleft((self.cycle, app))
        if self._crowd.is_leaving:
            self.cycle.keep_alive = False

    def _run(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._is_held_up = False
        self._turn = cycle.scope[TURN]  # type: ignore[literal-required]
        self._turn.begin()
        self._start_asgi_task(cycle, app)

    def _reject(self, status: HTTPStatus) -> None:
        """Answer and close, but never in the place of an answer owed to an earlier request."""
        self._is_rejected = True
        self._receiving.stop()
        is_begun = self._stage is Stage.BODY and not self._is_turned_away
        if is_begun and self.pipeline and not self.flow.write_paused:
            # The rejected request waits behind others. Only their answers are sent.
            self.pipeline.popleft()
            self.cycle, is_begun = self._previous, False  # type: ignore[assignment]
        is_owed = self.cycle is not None and not self.cycle.response_complete  # type: ignore[redundant-expr]
        if is_owed and not is_begun:
            self.cycle.keep_alive = False
            return
        if self.flow.write_paused:
            self.transport.abort()  # Who reads no answer would keep its task, and a place with it.
            return
        if self.transport.is_closing():
            return
        if not is_begun or not self.cycle.response_started:
            if is_begun:
                # The app may speak once more before it is told that the connection is gone.
                self.cycle.disconnected = True
            self.transport.write(farewell(status, self.server_state.default_headers))
        self.transport.close()

    @property
    def idle_until(self) -> float | None:
        """When it will be closed, by the loop's clock; None while it owes an answer."""
        return None if self.transport.is_closing() else self._idle.ends_at

    @property
    def is_unread(self) -> bool:
        """Whether the client leaves so much unread that the kernel takes no more."""
        return self.transport.get_write_buffer_size() > 0

    def timeout_keep_alive_handler(self) -> None:
        """As HttpToolsProtocol, but closing does not wait for a client that does not read."""
        if self.is_unread:
            self.transport.abort()
        else:
            super().timeout_keep_alive_handler()

    def _on_unread(self) -> None:
        self.transport.abort()

    def _on_half_received(self) -> None:
        if self.flow.read_paused:
            self._receiving.begin()  # It was us who did not read.
        else:
            self.transport.abort()
