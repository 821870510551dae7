"""Attacks on log-ins: a flood, a lock-out and spraying; how many honest log-ins are refused.

Clients have addresses of their own by X-Forwarded-For, from a proxy that the server trusts. Each
attack repeats one of the review of December 2026 (S3, S4 and S5).
"""

import asyncio
import itertools
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx

from bench.beds import bed
from bench.figures import Figure
from bench.load import quantile
from bench.scale import Scale

WHOLE = Scale(rounds=2, run_seconds=20.0, connections=100)
ATTACKER, OWNER, NEWCOMER = "198.51.100.1", "192.0.2.1", "203.0.113.1"
OWNER_ASKS_EVERY = 0.25
GUESSES = 100
"""As many as the server allows at once for one account and network."""
SPRAYED = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """One server with the accounts that are attacked."""

    http: httpx.AsyncClient
    passwords: dict[str, str]

    async def log_in(self, name: str, password: str, *, address: str) -> int:
        answer = await self.http.post(
            "/api/oauth2/token",
            data={"grantType": "Password", "userName": name, "password": password},
            headers={"X-Forwarded-For": address},
        )
        return answer.status_code

    async def guess(self, name: str, *, address: str = ATTACKER) -> int:
        return await self.log_in(name, "a wrong password", address=address)


@dataclass(slots=True)
class Honest:
    """The log-ins of one owner during an attack."""

    statuses: Counter[int] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)

    @property
    def refused(self) -> float:
        return 1 - self.statuses[200] / self.statuses.total()


Attack = Callable[[Site, Scale], Coroutine[None, None, dict[str, tuple[float, str]]]]


def measure(scale: Scale = WHOLE) -> list[Figure]:
    runs = [
        _run(attack, scale) for attack in (flood, lock_out, spraying) for _ in range(scale.rounds)
    ]
    by_name: dict[tuple[str, str], list[float]] = {}
    for name, (value, unit) in itertools.chain.from_iterable(run.items() for run in runs):
        by_name.setdefault((name, unit), []).append(value)
    return [Figure(name=name, unit=unit, runs=values) for (name, unit), values in by_name.items()]


def _run(attack: Attack, scale: Scale) -> dict[str, tuple[float, str]]:
    with bed("embedded", 1, TRUSTED_PROXIES="127.0.0.0/8") as one:
        passwords = {name: one.server.user(name) for name in ("alice", "bob")}

        async def attacked() -> dict[str, tuple[float, str]]:
            limits = httpx.Limits(max_connections=None)
            async with httpx.AsyncClient(
                base_url=one.server.url, limits=limits, timeout=20
            ) as http:
                return await attack(Site(http=http, passwords=passwords), scale)

        return asyncio.run(attacked())


async def flood(site: Site, scale: Scale) -> dict[str, tuple[float, str]]:
    """S3: `connections` log-ins a second from one address, each with a new name."""
    numbers = itertools.count()
    async with _repeated(lambda: site.guess(f"name-{next(numbers)}"), 1 / scale.connections):
        honest = await _owner(site, "alice", OWNER, scale)
    return {
        "S3 flood from one address: honest log-ins refused": (honest.refused, ""),
        "S3 flood from one address: honest log-in, p95": (quantile(honest.seconds, 0.95), "s"),
    }


async def lock_out(site: Site, scale: Scale) -> dict[str, tuple[float, str]]:
    """S4: the owner's name is guessed, from another address and from the owner's own."""
    await site.log_in("alice", site.passwords["alice"], address=OWNER)
    shares: dict[str, tuple[float, str]] = {}
    for where, address in (("another", ATTACKER), ("the owner's", OWNER)):
        guesses = range(GUESSES * 2 if address == OWNER else GUESSES)
        for _ in guesses:
            await site.guess("alice", address=address)
        async with _repeated(_guess_at(site, address), 1.0):
            if address == OWNER:
                # Other names from there do not matter to an owner that was there before.
                other = await _owner(site, "bob", NEWCOMER, scale)
                shares["S4 lock-out: log-ins of others refused"] = (other.refused, "")
            honest = await _owner(site, "alice", OWNER, scale)
        shares[f"S4 lock-out from {where} address: owner's log-ins refused"] = (honest.refused, "")
    return shares


async def spraying(site: Site, scale: Scale) -> dict[str, tuple[float, str]]:
    """S5: one password tried on many names, from the owner's own address."""
    await site.log_in("alice", site.passwords["alice"], address=OWNER)
    names = (f"name-{number}" for number in range(SPRAYED))
    statuses = Counter([await site.guess(name, address=OWNER) for name in names])
    numbers = itertools.count(SPRAYED)
    async with _repeated(lambda: site.guess(f"name-{next(numbers)}", address=OWNER), 0.1):
        known = await _owner(site, "alice", OWNER, scale)
        elsewhere = await _owner(site, "bob", NEWCOMER, scale)
    return {
        "S5 spraying: guesses refused unverified": (statuses[429] / SPRAYED, ""),
        "S5 spraying: log-ins refused, owner's address, known": (known.refused, ""),
        "S5 spraying: log-ins refused, another address": (elsewhere.refused, ""),
    }


def _guess_at(site: Site, address: str) -> Callable[[], Coroutine[None, None, int]]:
    return lambda: site.guess("alice", address=address)


async def _owner(site: Site, name: str, address: str, scale: Scale) -> Honest:
    honest = Honest()
    until = time.monotonic() + scale.run_seconds
    while time.monotonic() < until:
        began = time.monotonic()
        honest.statuses[await site.log_in(name, site.passwords[name], address=address)] += 1
        honest.seconds.append(time.monotonic() - began)
        await asyncio.sleep(OWNER_ASKS_EVERY)
    return honest


@asynccontextmanager
async def _repeated(
    ask: Callable[[], Coroutine[None, None, int]], every: float
) -> AsyncIterator[None]:
    """Ask on time, whatever the answers take."""
    asked: set[asyncio.Task[int]] = set()

    async def repeat() -> None:
        for moment in _moments(every):
            await asyncio.sleep(moment - time.monotonic())
            task = asyncio.create_task(ask())
            asked.add(task)
            task.add_done_callback(asked.discard)

    repeating = asyncio.create_task(repeat())
    try:
        yield
    finally:
        repeating.cancel()
        await asyncio.gather(repeating, *asked, return_exceptions=True)


def _moments(every: float) -> Iterator[float]:
    began = time.monotonic()
    return (began + number * every for number in itertools.count(1))
