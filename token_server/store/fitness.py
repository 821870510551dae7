"""Whether a store may be trusted with sessions: asked once, before anybody is served."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from redis.asyncio import Redis
from redis.exceptions import AuthenticationError, BusyLoadingError, RedisError

from token_server.problems import Problem
from token_server.store.facts import ask_facts, try_write
from token_server.store.shortfalls import (
    Level,
    Shortfall,
    shortfalls,
    shortfalls_of_write,
    waits_for_fsync,
)

TOLD_WITHIN = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitness:
    waits_for_fsync: bool
    """Whether what must be durable has to be waited for (WAITAOF)."""
    warnings: tuple[Shortfall, ...]


async def check_fitness(client: Redis) -> Fitness:
    """Raises: Problem, which lists all errors; it shows no password."""
    async with _reaching():
        facts = await ask_facts(client)
        found = _without_errors(shortfalls(facts))
        write = await try_write(client)
        found += _without_errors(shortfalls_of_write(facts, write))
    return Fitness(waits_for_fsync=waits_for_fsync(facts, write), warnings=found)


def _without_errors(found: Iterable[Shortfall]) -> tuple[Shortfall, ...]:
    found = tuple(found)
    errors = [shortfall for shortfall in found if shortfall.level is Level.ERROR]
    if errors:
        raise Problem(
            "the store is not fit for sessions: " + "; ".join(error.text for error in errors),
            hint="; ".join(error.fix for error in errors),
        )
    return found


@asynccontextmanager
async def _reaching() -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(TOLD_WITHIN):
            yield
    except BusyLoadingError:
        raise Problem("the store is still loading its data", hint="start again later") from None
    except (RedisError, OSError, TimeoutError) as fault:
        if _is_about_password(fault):
            raise Problem(
                "the store does not accept the user and password", hint="check STORE_URL"
            ) from None
        raise Problem(
            f"the store cannot be reached: {str(fault) or 'it is too slow'}",
            hint="check STORE_URL, and that the store runs",
        ) from fault


def _is_about_password(fault: Exception) -> bool:
    # redis-py raises a bare ConnectionError where HELLO is refused for its AUTH.
    text = str(fault).lower()
    return isinstance(fault, AuthenticationError) or "password" in text or "authenticat" in text
