"""The connections of one client, shared out in turn."""

import asyncio
from typing import Any

from redis.asyncio import ConnectionPool, Redis
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import ConnectionError as NotConnected

from token_server.store.line import Line

CONNECTIONS = 64
# In a burst a call waits for its turn, but not longer than somebody waits for its answer.
TURN_WITHIN = 1.0
# More than the second that WAITAOF may take where the store fsyncs once a second, and less than
# the deadline of an answer, so that a connection that died silently is found out in time to retry.
ANSWERED_WITHIN = 1.5


class FairPool(ConnectionPool):
    """First come, first served.

    The blocking pool of redis-py lets who comes later overtake who waits: under load some wait
    in vain.
    """

    def __init__(self, **options: Any) -> None:  # noqa: ANN401 - redis-py's own
        super().__init__(max_connections=CONNECTIONS, socket_timeout=ANSWERED_WITHIN, **options)
        self.line = Line(self, answered_within=ANSWERED_WITHIN)
        self._turns = asyncio.Semaphore(CONNECTIONS)

    async def get_connection(self, *_: object, **__: object) -> AbstractConnection:
        """A connection that stands. Raises: NotConnected, also where none is free in time."""
        try:
            async with asyncio.timeout(TURN_WITHIN):
                await self._turns.acquire()
        except TimeoutError:
            raise NotConnected("No connection available") from None
        connection: AbstractConnection = self.get_available_connection()  # type: ignore[no-untyped-call]
        try:
            await self.ensure_connection(connection)
        except BaseException:
            await self.release(connection)
            raise
        return connection

    async def release(self, connection: AbstractConnection) -> None:
        try:
            await super().release(connection)
        finally:
            self._turns.release()


def line_of(client: Redis) -> Line:
    """The one connection of this client that all engines on it share."""
    pool = client.connection_pool
    if isinstance(pool, FairPool):
        return pool.line
    return Line(pool, answered_within=ANSWERED_WITHIN)
