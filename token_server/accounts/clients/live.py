"""The registered clients of a running server: it looks at their file again and again."""

import asyncio
from collections.abc import Collection
from datetime import timedelta
from pathlib import Path
from typing import NoReturn

import structlog

from token_server.accounts.clients.file import read_clients, read_text
from token_server.accounts.clients.registered import (
    NOBODY,
    Registered,
    RegisteredClient,
    TrustedIssuer,
)
from token_server.alarm import Alarm
from token_server.problems import Problem
from token_server.rounds import Rounds
from token_server.tokens.clients import Client
from token_server.tokens.model import Policy

log = structlog.get_logger(__name__)

LOOKS_EVERY = timedelta(seconds=2)
SETTLED_AFTER = timedelta(milliseconds=100)


class LiveClients:
    """The ClientRegistry of tokens/services.py; another set takes its place in one assignment."""

    def __init__(self, path: Path | None, defaults: Policy) -> None:
        """Raises: Problem. What is wrong later leaves the last good set in force."""
        self._path = path
        self._defaults = defaults
        self._rounds = Rounds(LOOKS_EVERY)
        self._text = b""
        self._registered: Registered = NOBODY
        self._all: Collection[Client] = ()
        self._fault: Problem | None = None
        if path:
            self._text = read_text(path)
            self._use(read_clients(self._text, defaults, file=path))
        self._astray = Alarm(
            trouble="the clients file cannot be followed; the last good one stays in force",
            over="the clients file is good again",
        )

    @property
    def is_there(self) -> bool:
        return self._path is not None

    def find(self, client_id: str) -> Client | None:
        registered = self.registered(client_id)
        return registered.client if registered else None

    def all(self) -> Collection[Client]:
        return self._all

    def registered(self, client_id: str) -> RegisteredClient | None:
        """A client with its credentials."""
        return self._registered.clients.get(client_id)

    def issuer(self, name: str) -> TrustedIssuer | None:
        return self._registered.issuers.get(name)

    def wake(self) -> None:
        self._rounds.wake()

    async def run(self) -> NoReturn:
        """Look from time to time, and whenever woken."""
        while True:
            await self._rounds.next()
            await self.look()

    async def look(self) -> None:
        """Go by the file as it is now."""
        if self._path is None:
            return
        try:
            text = await self._settled_text(self._path)
        except Problem as problem:
            self._astray.tell([problem])
            return
        if text != self._text:
            self._text = text
            await self._take(text, self._path)
        self._astray.tell([self._fault] if self._fault else [])

    async def _settled_text(self, path: Path) -> bytes:
        """Once nobody is writing it: an editor may empty a file first. Raises: Problem."""
        # The text itself, and not its time and size: a volume that is swapped below a link, or a
        # clock that was set back, may leave those as they were.
        text = await asyncio.to_thread(read_text, path)
        while text != self._text:
            await asyncio.sleep(SETTLED_AFTER.total_seconds())
            before, text = text, await asyncio.to_thread(read_text, path)
            if text == before:
                break
        return text

    def _use(self, registered: Registered) -> None:
        self._registered = registered
        self._all = tuple(each.client for each in registered.clients.values())

    async def _take(self, text: bytes, path: Path) -> None:
        try:
            read = await asyncio.to_thread(read_clients, text, self._defaults, file=path)
        except Problem as problem:
            self._fault = problem
            return
        self._use(read)
        self._fault = None
        log.info(
            "the clients file was read anew", clients=len(read.clients), issuers=len(read.issuers)
        )
