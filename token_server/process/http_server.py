"""uvicorn, as a worker runs it: our sockets, our signals, our limits."""

import asyncio
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from ssl import SSLContext

import uvicorn
from starlette.types import ASGIApp
from uvicorn._types import ASGI3Application

from token_server.process.accepting import Acceptor
from token_server.process.file_limit import ConnectionLimits
from token_server.process.room import Room
from token_server.process.tally import Seat
from token_server.web.answering import EVERY_ANSWER
from token_server.web.forwarded import NO_PROXIES, TrustedProxies
from token_server.web.hardened import Hardened
from token_server.web.overload import Crowd

# A client that keeps an idle connection in a pool answers no farewell.
FAREWELL_SECONDS = 1.0

# RFC 6797 §6.1. Browsers then speak nothing but TLS to this host for a year.
HSTS = ((b"strict-transport-security", b"max-age=31536000"),)


def _config(
    app: ASGIApp, *, is_tls: bool, keep_alive_seconds: int, drain_seconds: int
) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        interface="asgi3",
        http=Hardened,
        ws="none",
        lifespan="off",
        proxy_headers=False,
        server_header=False,
        access_log=False,
        # Part of heads that are made once, like the date (web/answering.py).
        headers=[
            (name.decode(), value.decode())
            for name, value in (*EVERY_ANSWER, *(HSTS if is_tls else ()))
        ],
        log_config=None,
        workers=1,
        # What one request says of itself is no matter to the next on its connection.
        reset_contextvars=True,
        timeout_keep_alive=keep_alive_seconds,
        timeout_graceful_shutdown=drain_seconds,
    )


class HttpServer(uvicorn.Server):
    def __init__(  # noqa: PLR0913 - each by its name
        self,
        app: ASGIApp,
        *,
        seat: Seat,
        tls: SSLContext | None,
        trusted_proxies: TrustedProxies = NO_PROXIES,
        limits: ConnectionLimits | None = None,
        keep_alive_seconds: int = 65,
        drain_period_seconds: float = 0,
        drain_seconds: int,
        on_listening: Callable[[], None],
    ) -> None:
        super().__init__(
            _config(
                app,
                is_tls=tls is not None,
                keep_alive_seconds=keep_alive_seconds,
                drain_seconds=drain_seconds,
            )
        )
        self._seat = seat
        self._tls = tls
        self.trusted_proxies = trusted_proxies
        self._room = Room(
            limits or ConnectionLimits.of_this_process(),
            self.server_state.connections,
            is_exempt=trusted_proxies.trusts,
        )
        self._acceptor: Acceptor | None = None
        self._on_listening = on_listening
        self._drain_period_seconds = drain_period_seconds

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """As uvicorn's, but all workers share their sockets, and see that each holds its share."""
        self.servers = []
        self._acceptor = Acceptor(sockets or (), self._seat, self._open, self._room)
        self._acceptor.start()
        self.started = True
        self._on_listening()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        if self._acceptor:
            await self._acceptor.close()
        await super().shutdown(sockets)

    def use_tls(self, context: SSLContext) -> None:
        """Use it for the connections that come from now on."""
        self._tls = context

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Unlike uvicorn, which would raise the signal again before the app is closed."""
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, self._leave)
        yield

    def _leave(self) -> None:
        """First serve on for the drain period, so that balancers notice."""
        Crowd.of(self.server_state, at_once=Hardened.MAX_AT_ONCE).is_leaving = True
        asyncio.get_running_loop().call_later(self._drain_period_seconds, self._stop)

    def _stop(self) -> None:
        self.should_exit = True

    async def _open(self, accepted: socket.socket, on_lost: Callable[[], None]) -> None:
        """A TLS handshake may take no longer than a request."""
        transport, _ = await asyncio.get_running_loop().connect_accepted_socket(
            partial(_Connection, self, on_lost),
            accepted,
            ssl=self._tls,
            ssl_handshake_timeout=Hardened.RECEIVE_SECONDS if self._tls else None,
            ssl_shutdown_timeout=FAREWELL_SECONDS if self._tls else None,
        )
        # Whoever hangs up in the midst of a handshake never was a connection.
        if transport.is_closing():
            on_lost()


class _Connection(Hardened):
    """Tells when it is lost; and may ask once, however soon after it the server leaves."""

    def __init__(self, server: HttpServer, on_lost: Callable[[], None]) -> None:
        super().__init__(
            server.config, server.server_state, {}, trusted_proxies=server.trusted_proxies
        )
        self._on_lost = on_lost
        self._is_last = self._leaves = self._was_unread = False

    def shutdown(self) -> None:
        if not self._leaves:
            self._leaves = True
            self.loop.call_later(FAREWELL_SECONDS, self._leave_unread)
        if self.cycle is None and not self._is_last:
            # Its request may be on its way: no client knows that it can ask again.
            self._is_last = True
            self.loop.call_later(FAREWELL_SECONDS, self.shutdown)
        else:
            super().shutdown()

    def _leave_unread(self) -> None:
        """Look until it is gone: the server waits for all connections but these."""
        if self not in self.connections:
            return
        if self.is_unread and self._was_unread:
            self.transport.abort()
        else:
            self._was_unread = self.is_unread
            self.loop.call_later(FAREWELL_SECONDS, self._leave_unread)

    def _begin(self, app: ASGI3Application) -> None:
        super()._begin(app)
        if self._is_last:
            self.cycle.keep_alive = False

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._on_lost()
