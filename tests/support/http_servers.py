"""An HttpServer of this process, on an event loop of the test."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from token_server.process.http_server import HttpServer
from token_server.web.hardened import Hardened

PATIENCE = 5


@asynccontextmanager
async def running(
    server: HttpServer, listener: socket.socket, listens: asyncio.Event
) -> AsyncIterator[HttpServer]:
    """The block ends when the server has left by itself; after a failure it is made to leave."""
    run = asyncio.create_task(server.serve([listener]))
    try:
        await listens.wait()
        yield server
        await run
    finally:
        server.should_exit = server.force_exit = True
        for each in list(server.server_state.connections):
            if isinstance(each, Hardened):
                each.transport.abort()
        # uvloop hangs where a loop is closed that still serves.
        await asyncio.wait([run], timeout=PATIENCE)
        run.cancel()
