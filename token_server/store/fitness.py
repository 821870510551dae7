"""Whether a store may be trusted with sessions: asked once, before anybody is served."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from redis.asyncio import Redis
from redis.exceptions import NoPermissionError, RedisError

from token_server.problems import Problem
from token_server.store import names
from token_server.store.facts import ask_facts, try_write
from token_server.store.reaching import is_about_rights, problem_of
from token_server.store.shortfalls import (
    Level,
    Shortfall,
    shortfalls,
    shortfalls_of_write,
    waits_for_fsync,
)

TOLD_WITHIN = 10.0
# Each command that a script runs, on a key that holds a string, so that most fail for its type and
# nothing changes. What comes back is the first one that the user may not run.
_TRY_ALL = """
local function may(...)
  local answer = redis.pcall(...)
  return not (type(answer) == 'table' and answer.err and (string.find(answer.err, 'NOPERM')
    or string.find(answer.err, 'ACL failure') or string.find(answer.err, 'user executing')))
end
redis.call('SET', KEYS[1], '', 'PX', 10000)
for _, command in ipairs({
  {'GET'}, {'EXISTS'}, {'HGET', 'f'}, {'HSET', 'f', 'v'}, {'HDEL', 'f'}, {'HEXISTS', 'f'},
  {'HGETALL'}, {'HINCRBY', 'f', 1}, {'HLEN'}, {'HMGET', 'f'}, {'HKEYS'}, {'HVALS'}, {'SMEMBERS'},
  {'SADD', 'm'}, {'SREM', 'm'},
  {'ZADD', 1, 'm'}, {'ZRANGE', 0, 1}, {'ZSCORE', 'm'}, {'ZREMRANGEBYRANK', 0, 1},
  {'ZREMRANGEBYSCORE', 0, 1}, {'PEXPIREAT', 1, 'GT'}, {'PEXPIRE', 10000}, {'EXPIRE', 10},
  {'DEL'},
}) do
  local name = command[1]
  command[1] = KEYS[1]
  if not may(name, unpack(command)) then
    return "NOPERM the user may not run the '" .. string.lower(name) .. "' command"
  end
end
redis.call('SET', KEYS[1], '', 'PX', 10000)
return ''
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitness:
    waits_for_fsync: bool
    """Whether what must be durable has to be waited for (WAITAOF)."""
    warnings: tuple[Shortfall, ...]


async def check_fitness(client: Redis) -> Fitness:
    """Raises: Problem, which lists all errors; it shows no password."""
    async with _reaching(client):
        facts = await ask_facts(client)
        found = _without_errors(shortfalls(facts))
        write = await try_write(client)
        found += _without_errors(shortfalls_of_write(facts, write))
        await _check_rights(client)
        await _check_kinds(client)
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


async def _check_rights(client: Redis) -> None:
    """Raises: NoPermissionError, where the user may not run what every request needs."""
    async with client.pipeline(transaction=False) as pipeline:
        # EVAL and EVALSHA are rights of their own; so is each command in a script.
        pipeline.eval(_TRY_ALL, 1, names.PROBE)
        pipeline.evalsha("0" * 40, 0)
        answers = await pipeline.execute(raise_on_error=False)
    for answer in answers:
        refused = answer.decode() if isinstance(answer, bytes) else str(answer)
        if is_about_rights(answer if isinstance(answer, Exception) else Exception(refused)):
            raise NoPermissionError(refused)


async def _check_kinds(client: Redis) -> None:
    """Raises: Problem, where a key of ours is of a type that is not ours."""
    async with client.pipeline(transaction=False) as pipeline:
        for name in names.KINDS:
            pipeline.type(name)
        found = await pipeline.execute(raise_on_error=False)
    for (name, kind), there in zip(names.KINDS.items(), found, strict=True):
        if isinstance(there, bytes) and there.decode() not in {kind, "none"}:
            raise Problem(
                f"the key {name} in the store is of type {there.decode()}, expected {kind}: "
                "another program uses this database",
                hint="set STORE_URL to a database that only token-server uses",
            )


@asynccontextmanager
async def _reaching(client: Redis) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(TOLD_WITHIN):
            yield
    except (RedisError, OSError, TimeoutError) as fault:
        raise problem_of(fault, client) from None
