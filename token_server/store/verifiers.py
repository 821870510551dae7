"""Which version of the JWK Set each verifier fetched last: noted in memory, written down later.

A verifier is a user agent in a network: all that a server sees of one.
"""

import asyncio
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import NoReturn

from token_server.networks import network_of
from token_server.store import names
from token_server.store.engine import Engine, Script
from token_server.tokens.model import Kid
from token_server.tokens.moments import from_micros, to_micros
from token_server.tokens.ports import Clock
from token_server.tokens.refusals import TemporarilyUnavailable

_NOTE = Script("verifiers")
MOST = 1000
MOST_OF_A_NETWORK = 50
"""Whoever invents user agents drives out no more than these."""
LONGEST_NAME = 100
WRITTEN_EVERY = timedelta(seconds=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verifier:
    network: str
    user_agent: str
    newest: Kid
    """The key announced last of those in the set that it has."""
    fetched_at: datetime


class Verifiers:
    """The VerifierLog of tokens/ports.py."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._seen: dict[str, dict[str, Kid]] = {}
        """By address, by user agent."""

    def fetched(self, address: str, user_agent: str, newest: Kid) -> None:
        user_agent = user_agent[:LONGEST_NAME]
        there = self._seen.get(address)
        if there is None:
            if len(self._seen) == MOST:
                return
            there = self._seen[address] = {}
        if user_agent in there or len(there) < MOST_OF_A_NETWORK:
            there[user_agent] = newest

    async def keep_writing(self, clock: Clock) -> NoReturn:
        while True:
            await asyncio.sleep(WRITTEN_EVERY.total_seconds())
            with suppress(TemporarilyUnavailable):
                await self.write_down(clock())

    async def write_down(self, now: datetime) -> None:
        """Raises: StoreUnavailable, which loses a few sightings and nothing else."""
        seen, self._seen = self._seen, {}
        by_name = dict(islice(_named(seen), MOST))
        if by_name:
            pairs = [
                word
                for who, newest in by_name.items()
                for word in (who, f"{to_micros(now)} {newest}")
            ]
            await self._engine.run(_NOTE, [names.VERIFIERS], [MOST, *pairs])

    async def all(self) -> list[Verifier]:
        """Who was seen last comes first. Raises: StoreUnavailable."""
        noted = await self._engine.command("HGETALL", names.VERIFIERS)
        found = [_read(who.decode(), what.decode()) for who, what in noted.items()]
        return sorted(found, key=lambda verifier: verifier.fetched_at, reverse=True)


def _named(seen: Mapping[str, Mapping[str, Kid]]) -> Iterator[tuple[str, Kid]]:
    of_network: Counter[str] = Counter()
    for address, there in seen.items():
        network = network_of(address, ipv6=48)
        for user_agent, newest in there.items():
            of_network[network] += 1
            if of_network[network] <= MOST_OF_A_NETWORK:
                yield f"{network} {_printable(user_agent)}", newest


def _printable(user_agent: str) -> str:
    # It comes from anywhere, and goes to an operator's terminal.
    shown = "".join(each if each.isascii() and each.isprintable() else "?" for each in user_agent)
    return shown or "-"


def _read(who: str, what: str) -> Verifier:
    network, _, user_agent = who.partition(" ")
    fetched_at, _, newest = what.partition(" ")
    return Verifier(
        network=network,
        user_agent=user_agent,
        newest=Kid(newest),
        fetched_at=from_micros(int(fetched_at)),
    )
