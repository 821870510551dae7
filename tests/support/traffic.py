"""Clients that refresh without end on any of several servers; outsiders check what they get."""

import asyncio
import base64
import json
import random
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

from support.fast_client import Answer, FastClient, fast_clients
from support.verifiers import Verifier
from token_server.tokens.model import TokenPair

REMEMBERED = 2_000


@dataclass(frozen=True)
class Token:
    text: str
    kid: str
    expires_at: int

    @classmethod
    def of(cls, text: str) -> "Token":
        header, claims = (
            json.loads(base64.urlsafe_b64decode(part + "==")) for part in text.split(".")[:2]
        )
        return cls(text, header["kid"], claims["exp"])

    def lives(self) -> bool:
        return time.time() < self.expires_at


@dataclass
class Traffic:
    ports: Sequence[int]
    verifiers: Sequence[Verifier]
    kids: list[str] = field(default_factory=list)
    """In the order in which they came to sign."""
    revoked: set[str] = field(default_factory=set)
    tokens: list[Token] = field(default_factory=list)
    refreshed: int = 0
    repeated: int = 0
    checked: int = 0
    refused: list[tuple[int, bytes]] = field(default_factory=list)
    not_the_same: list[tuple[bytes, bytes]] = field(default_factory=list)
    unverifiable: list[tuple[str, str, str]] = field(default_factory=list)
    stopped: bool = False
    dice: random.Random = field(default_factory=lambda: random.Random(7))

    @property
    def figures(self) -> str:
        return (
            f"{len(self.kids)} keys signed; {self.refreshed} refreshes, {self.repeated} repeats, "
            f"{len(self.refused)} refused, {len(self.not_the_same)} with other bytes; "
            f"{self.checked} checks by {[each.name for each in self.verifiers]}, "
            f"{len(self.unverifiable)} failed"
        )

    async def run(self, pairs: Sequence[TokenPair]) -> None:
        """Until stopped; one session for each pair."""
        async with AsyncExitStack() as stack:
            by_port = [
                await stack.enter_async_context(fast_clients(port, len(pairs)))
                for port in self.ports
            ]
            async with asyncio.TaskGroup() as lives:
                for pair, *clients in zip(pairs, *by_port, strict=True):
                    lives.create_task(self._live(pair.refresh_token, clients))

    async def seen(self, kid: str) -> None:
        """Return once this key signs on some server."""
        while kid not in self.kids and not self.stopped:  # noqa: ASYNC110 - many are waited for
            await asyncio.sleep(0.01)

    async def _live(self, token: str, clients: Sequence[FastClient]) -> None:
        while not self.stopped:
            answer = await self.dice.choice(clients).refresh(token)
            if answer.status != 200:
                self.refused.append((answer.status, answer.body))
                return
            self.refreshed += 1
            if self.dice.random() < 0.1:
                await self._repeat(token, answer, clients)
            token = answer.json()["refresh_token"]
            await self._check(Token.of(answer.json()["access_token"]))
            await self._check(self.dice.choice(self.tokens))

    async def _repeat(self, token: str, answer: Answer, clients: Sequence[FastClient]) -> None:
        """As a client that lost the answer."""
        again = await self.dice.choice(clients).refresh(token)
        self.repeated += 1
        if again.status != 200:
            self.refused.append((again.status, again.body))
        elif again.body != answer.body:
            self.not_the_same.append((answer.body, again.body))

    async def _check(self, token: Token) -> None:
        if token.kid not in self.kids:
            self.kids.append(token.kid)
        if len(self.tokens) < REMEMBERED:
            self.tokens.append(token)
        else:
            self.tokens[self.dice.randrange(REMEMBERED)] = token
        for verifier in self.verifiers:
            if token.lives() and token.kid not in self.revoked:
                fault = await verifier.fault_in(token.text)
                self.checked += 1
                # It may have been revoked, or have expired, while it was looked at.
                if fault and token.lives() and token.kid not in self.revoked:
                    self.unverifiable.append((verifier.name, token.kid, fault))
