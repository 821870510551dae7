"""What a store says of itself, and how it takes a write."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import ResponseError

from token_server.store import names

Version = tuple[int, ...]

PROBE_LIVES_MS = 10_000
# Enough for a store that fsyncs once a second, and less than a client waits for any answer.
FSYNC_WITHIN_MS = 1_250


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """None: it does not tell. Managed stores keep INFO or CONFIG to themselves."""

    valkey: Version | None = None
    redis: Version | None = None
    mode: str | None = None
    role: str | None = None
    maxmemory: int | None = None
    eviction: str | None = None
    append_only: bool | None = None
    appendfsync: str | None = None
    snapshots: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    refused: str | None
    """Why it was not taken."""
    fsync_awaited: bool | None
    """Whether WAITAOF saw it on disk in time; None: there is no WAITAOF for us."""


async def ask_facts(client: Redis) -> Facts:
    """Raises: RedisError, where it cannot be asked at all."""
    info = await _info(client)
    config = await _config(client)
    append_only, save = info.get("aof_enabled"), config.get("save")
    return Facts(
        valkey=_version(info.get("valkey_version")),
        redis=_version(info.get("redis_version")),
        mode=info.get("server_mode") or info.get("redis_mode"),
        role=info.get("role"),
        maxmemory=info.get("maxmemory"),
        eviction=info.get("maxmemory_policy"),
        append_only=None if append_only is None else bool(append_only),
        appendfsync=config.get("appendfsync"),
        snapshots=None if save is None else bool(save),
    )


async def try_write(client: Redis) -> Write:
    """Raises: RedisError, where it cannot be asked at all."""
    # WAITAOF waits for the writes of its own connection: one pipeline, one connection.
    async with client.pipeline(transaction=False) as pipeline:
        pipeline.set(names.PROBE, "", px=PROBE_LIVES_MS)
        pipeline.execute_command("WAITAOF", 1, 0, FSYNC_WITHIN_MS)
        taken, synced = await pipeline.execute(raise_on_error=False)
    return Write(
        refused=str(taken) if isinstance(taken, Exception) else None,
        fsync_awaited=None if isinstance(synced, Exception) else synced[0] > 0,
    )


async def _info(client: Redis) -> Mapping[str, Any]:
    try:
        return await client.info()
    except ResponseError:
        return {}


async def _config(client: Redis) -> Mapping[str | None, str | None]:
    try:
        return await client.config_get("appendfsync", "save")
    except ResponseError:
        return {}


def _version(text: object) -> Version | None:
    return tuple(map(int, re.findall("[0-9]+", str(text)))) if text else None
