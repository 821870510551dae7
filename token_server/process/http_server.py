"""uvicorn, as a worker runs it: our sockets, our signals, our limits."""

import asyncio
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ssl import SSLContext

import uvicorn
from starlette.types import ASGIApp

from token_server.process.sockets import BACKLOG
from token_server.web.hardened import Hardened

# Longer than common proxies keep an idle connection, so that they close first.
KEEP_ALIVE_SECONDS = 65
# A client that keeps an idle connection in a pool answers no farewell.
FAREWELL_SECONDS = 1.0


class HttpServer(uvicorn.Server):
    def __init__(
        self,
        app: ASGIApp,
        *,
        tls: SSLContext | None,
        drain_seconds: int,
        on_listening: Callable[[], None],
    ) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                interface="asgi3",
                http=Hardened,
                ws="none",
                lifespan="off",
                proxy_headers=False,
                server_header=False,
                access_log=False,
                log_config=None,
                workers=1,
                # What one request says of itself is no matter to the next on its connection.
                reset_contextvars=True,
                timeout_keep_alive=KEEP_ALIVE_SECONDS,
                timeout_graceful_shutdown=drain_seconds,
            )
        )
        self._tls = tls
        self._on_listening = on_listening

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """As uvicorn's, but a TLS handshake may take no longer than a request."""
        loop = asyncio.get_running_loop()
        self.servers = [
            await loop.create_server(
                self._open_connection,
                sock=each,
                ssl=self._tls,
                ssl_handshake_timeout=Hardened.RECEIVE_SECONDS if self._tls else None,
                ssl_shutdown_timeout=FAREWELL_SECONDS if self._tls else None,
                backlog=BACKLOG,
            )
            for each in sockets or ()
        ]
        self.started = True
        self._on_listening()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Unlike uvicorn, which would raise the signal again before the app is closed."""
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, self._leave)
        yield

    def _leave(self) -> None:
        self.should_exit = True

    def _open_connection(self) -> Hardened:
        return Hardened(self.config, self.server_state, {})
