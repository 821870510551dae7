"""The whole app in this process, on a real store with real keys, by a clock that tests move."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from io import StringIO
from typing import Any

import httpx
from redis.asyncio import Redis

from support.moments import MovableClock
from token_server.accounts.changes import AccountChanges
from token_server.accounts.passwords import recommended_hasher
from token_server.app.memory import meet_store
from token_server.app.server import open_app
from token_server.audit import AuditLog
from token_server.settings import Settings
from token_server.store.accounts import Accounts
from token_server.store.engine import Engine
from token_server.tokens.model import Subject

TOKEN, LOG_OUT = "/api/oauth2/token", "/api/oauth2/logout"
NAME, PASSWORD = "alice", "correct horse battery staple"


@dataclass
class World:
    """A client of the app, the clock that the app goes by, and the store below it."""

    client: httpx.AsyncClient
    clock: MovableClock
    settings: Settings
    redis: Redis

    @property
    def accounts(self) -> AccountChanges:
        return AccountChanges(
            accounts=Accounts(Engine(self.redis, waits_for_fsync=False), keep=timedelta(days=15)),
            audit=AuditLog(StringIO(), clock=self.clock),
            clock=self.clock,
        )

    async def add_account(self, name: str = NAME) -> None:
        await self.accounts.add(Subject(name), password_hash=password_hash(), profile="{}")

    async def ask(self, **form: str) -> httpx.Response:
        return await self.client.post(TOKEN, data=form)

    async def log_in(self, name: str = NAME, **more: str) -> dict[str, Any]:
        """The first pair of a new session of an account, which is added where it is missing."""
        if await self.redis.exists(f"{{{name}}}:account") == 0:
            await self.add_account(name)
        return pair_in(
            await self.ask(grantType="Password", userName=name, password=PASSWORD, **more)
        )

    async def refresh(self, token: str) -> httpx.Response:
        return await self.ask(grantType="RefreshToken", refreshToken=token)

    async def log_out(self, access_token: str) -> httpx.Response:
        return await self.client.post(LOG_OUT, headers={"Authorization": f"Bearer {access_token}"})


@cache
def password_hash() -> str:
    """Of PASSWORD, as an operator's command makes it; 70 ms, so once for all accounts."""
    return recommended_hasher().hash(PASSWORD)


@asynccontextmanager
async def another_server(world: World, **changes: str) -> AsyncIterator[World]:
    """On the same store and keys, set otherwise where `changes` say so."""
    told = {**world.settings.model_dump(), **changes}
    settings = Settings.model_validate(told)
    briefing = await meet_store(settings)
    async with open_app(settings, briefing.to_bytes(), clock=world.clock) as app:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://other") as client:
            yield World(client, world.clock, settings, world.redis)


def pair_in(answer: httpx.Response) -> dict[str, Any]:
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body
