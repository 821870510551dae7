"""The store as servers and commands open it, and what servers are told of it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Self

from token_server.problems import Problem
from token_server.settings import Settings
from token_server.store.accounts import Accounts
from token_server.store.connect import connect
from token_server.store.engine import Engine
from token_server.store.fitness import Fitness, check_fitness
from token_server.store.key_expiries import StoredKeyExpiries
from token_server.store.sessions import SessionEnds
from token_server.tokens.model import LEEWAY, Policy
from token_server.tokens.refusals import TemporarilyUnavailable


@dataclass(frozen=True, slots=True, kw_only=True)
class Briefing:
    """What was learned of the store before any worker started, and holds until the server ends.

    A worker that replaces another must not take an emptied store for a new one, nor need the
    store to be there: it serves 503 until it is.
    """

    secret: bytes | None = field(repr=False)
    """None: the store is not the recorded one (app/memory.py)."""
    waits_for_fsync: bool

    def to_bytes(self) -> bytes:
        return bytes([self.waits_for_fsync]) + (self.secret or b"")

    @classmethod
    def from_bytes(cls, written: bytes) -> Self:
        return cls(secret=written[1:] or None, waits_for_fsync=bool(written[0]))


@asynccontextmanager
async def open_engine(settings: Settings) -> AsyncIterator[Engine]:
    """The store that the settings name, which must be running and fit. Raises: Problem."""
    async with checked_store(settings) as (engine, _):
        yield engine


def accounts_on(engine: Engine, settings: Settings) -> Accounts:
    return Accounts(engine, keep=longest_kept(settings.policy()))


def session_ends(engine: Engine, settings: Settings) -> SessionEnds:
    return SessionEnds(engine, keep=longest_kept(settings.policy()))


def key_expiries_on(engine: Engine, settings: Settings) -> StoredKeyExpiries:
    return StoredKeyExpiries(engine, propagation_period=settings.key_propagation_period)


def longest_kept(policy: Policy) -> timedelta:
    """How long after it was issued the store may still be shown a refresh token.

    Clients may have longer lifetimes: of those the key expiries know.
    """
    longest = max(policy.refresh_token_lifetime, policy.short_term_refresh_token_lifetime)
    return longest + LEEWAY


@asynccontextmanager
async def checked_store(settings: Settings) -> AsyncIterator[tuple[Engine, Fitness]]:
    async with connect(settings.store_url.get_secret_value()) as client:
        fitness = await check_fitness(client)
        yield Engine(client, waits_for_fsync=fitness.waits_for_fsync), fitness


def unusable(fault: TemporarilyUnavailable) -> Problem:
    return Problem(f"the store cannot be used ({fault.reason})")
