"""The store is killed under load, again and again: what was answered still holds.

Clients see 503 with Retry-After at worst, never 401; nobody restarts the server.
"""

import asyncio
import os
import signal
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

from support.fast_client import Answer, FastClient, fast_clients
from support.profiles import often
from support.server import Server

from token_server.tokens.model import SessionId, TokenPair

KILLS = often(6)
CLIENTS = 6
ANSWERS_BETWEEN_KILLS = 60
LOG_OUTS = often(150)
STORE = "valkey-server"


@dataclass
class Load:
    """Clients that refresh, and others that log out, until the store was killed often enough."""

    to_log_out: list[TokenPair]
    statuses: Counter[int] = field(default_factory=Counter)
    tokens: dict[SessionId, str] = field(default_factory=dict)
    logged_out: list[TokenPair] = field(default_factory=list)
    killed: set[int] = field(default_factory=set)
    over: bool = False

    async def keep_refreshing(self, client: FastClient, first: TokenPair) -> None:
        self.tokens[first.session.sid] = first.refresh_token
        while not self.over:
            answer = await client.refresh(self.tokens[first.session.sid])
            if self._is_told(answer, 200):
                self.tokens[first.session.sid] = answer.json()["refresh_token"]

    async def keep_logging_out(self, client: FastClient) -> None:
        while not self.over and self.to_log_out:
            pair = self.to_log_out.pop()
            # Where the answer was lost with the store, the end itself may have been kept.
            answer = await client.log_out(pair.access_token)
            while answer.status == 503:
                self._is_told(answer, 204)
                answer = await client.log_out(pair.access_token)
            if self._is_told(answer, 204, 401):
                self.logged_out.append(pair)

    async def answers(self, count: int) -> None:
        """Wait for that many more refreshes."""
        enough = self.statuses[200] + count
        while self.statuses[200] < enough:  # noqa: ASYNC110 - a count is no event
            await asyncio.sleep(0.001)

    def _is_told(self, answer: Answer, *expected: int) -> bool:
        self.statuses[answer.status] += 1
        if answer.status == 503:
            assert int(answer.headers["retry-after"]) >= 1
            return False
        assert answer.status in expected, answer.body
        return True


def test_what_was_answered_survives_every_kill_of_the_store(
    own_server: Callable[..., AbstractContextManager[Server]],
) -> None:
    with own_server() as server:
        load = asyncio.run(_kill_under_load(server))
        # Whether anybody was told 503 is a matter of how soon each store was back.
        assert len(load.killed) == KILLS
        assert load.killed.isdisjoint(server.pids(STORE))
        assert len(load.logged_out) > KILLS
        facts = Counter(line["event"] for line in server.audit())
        # The store forgot no rotation that was answered.
        assert facts["rolled_forward"] == 0
        assert facts["reused"] == 0


async def _kill_under_load(server: Server) -> Load:
    first = await server.pairs("refreshes", CLIENTS)
    load = Load(await server.pairs("logs out", LOG_OUTS))
    async with fast_clients(server.port, CLIENTS + 1) as (last, *others):
        async with asyncio.TaskGroup() as group:
            for client, pair in zip(others, first, strict=True):
                group.create_task(load.keep_refreshing(client, pair))
            group.create_task(load.keep_logging_out(last))
            for _ in range(KILLS):
                await load.answers(ANSWERS_BETWEEN_KILLS)
                (store,) = server.pids(STORE)
                os.kill(store, signal.SIGKILL)
                load.killed.add(store)
            await load.answers(ANSWERS_BETWEEN_KILLS)
            load.over = True
        for token in load.tokens.values():
            assert (await last.refresh(token)).status == 200
        for pair in load.logged_out:
            assert (await last.refresh(pair.refresh_token)).status == 401
    return load
