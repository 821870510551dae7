"""Whether the store is the one that the keys directory records, at the start and later."""

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import NoReturn

import structlog

from token_server import store_url
from token_server.alarm import Alarm
from token_server.app.store import Briefing, checked_store, unusable
from token_server.app.warnings import other_issuers
from token_server.problems import Problem
from token_server.rounds import Rounds
from token_server.settings import Settings
from token_server.signing.store_record import StoreRecord, StoreRecordFile
from token_server.store.engine import Engine
from token_server.store.issuers import note_issuer
from token_server.store.memory import (
    StoreMemory,
    find_secret,
    identity_of,
    load_secret,
)
from token_server.system import system_clock
from token_server.tokens.identity import TokenIds
from token_server.tokens.refusals import TemporarilyUnavailable

CHECK_INTERVAL = timedelta(seconds=5)
SELECT = "to select another store, set TOKEN_SERVER_STORE_URL or TOKEN_SERVER_CONFIG"
_DECIDE = (
    "bring back the store that is recorded: mount its volume, restore its data or correct "
    'STORE_URL; if it is lost, "token-server store accept" ends its sessions and records '
    "the present store"
)


def record_file(settings: Settings) -> StoreRecordFile | None:
    """None with KEYS_URL=store: the keyset then lives and dies with the store."""
    return None if settings.keys_dir is None else StoreRecordFile(settings.keys_dir)


def store_name(settings: Settings) -> str:
    """The store that the settings select, without its password; a directory by its whole path."""
    url = settings.store_url.get_secret_value()
    place = store_url.read(url)
    if isinstance(place, store_url.Embedded):
        return str(Path(place.folder).resolve())
    return store_url.without_password(url)


async def meet_store(settings: Settings) -> Briefing:
    """Raises: Problem."""
    async with checked_store(settings) as (engine, fitness):
        for shortfall in fitness.warnings:
            structlog.get_logger().warning(shortfall.text, hint=shortfall.fix)
        try:
            secret = await _recorded_secret(engine, settings)
            if secret is not None:
                others = await note_issuer(engine, settings.issuer, system_clock())
                for warning in other_issuers(settings, others):
                    structlog.get_logger().warning(warning.text, hint=warning.hint)
        except TemporarilyUnavailable as fault:
            raise unusable(fault) from fault
        return Briefing(secret=secret, waits_for_fsync=engine.waits_for_fsync)


async def _recorded_secret(engine: Engine, settings: Settings) -> bytes | None:
    """The secret of the store, for a server that starts. None: it is not the recorded store.

    A store without a record is recorded, and gets a secret if it has none. Raises: Problem,
    StoreUnavailable.
    """
    file = record_file(settings)
    record = await asyncio.to_thread(file.read) if file else None
    if file and record is None:
        secret = await load_secret(engine)
        record = await asyncio.to_thread(_record_first, file, identity_of(secret))
        return secret if record is None or record.identity == identity_of(secret) else None
    if record is None:
        return await load_secret(engine)
    found = await find_secret(engine)
    if found is not None and identity_of(found) == record.identity:
        return found
    return None


def _record_first(file: StoreRecordFile, identity: str) -> StoreRecord | None:
    trouble = "this user may not write there"
    try:
        if file.is_writable():
            return file.record_first(identity, now=system_clock())
    except (Problem, OSError) as fault:
        trouble = str(fault)
    structlog.get_logger().warning(
        "the identity of the store cannot be recorded, so a store that lost its data would be "
        f"taken for a new one at the next start: {file.path}: {trouble}",
        hint=f"let one server write to KEYS_DIR, or add its {file.path.name} to this copy",
    )
    return None


async def check_store(engine: Engine, settings: Settings) -> None:
    """For a command that needs the memory of the store. Raises: Problem, StoreUnavailable."""
    found = await find_secret(engine)
    file = record_file(settings)
    record = await asyncio.to_thread(file.read) if file else None
    if record and (found is None or identity_of(found) != record.identity):
        raise other_store(settings, record, found)
    if found is None:
        raise Problem(
            f"no token server has used the store {store_name(settings)}",
            hint=f'"token-server serve" makes a new store; {SELECT}',
        )


async def is_other_store(engine: Engine, settings: Settings) -> bool:
    """Whether another store than this one is recorded. Raises: Problem, StoreUnavailable."""
    file = record_file(settings)
    record = await asyncio.to_thread(file.read) if file else None
    if record is None:
        return False
    found = await find_secret(engine)
    return found is None or identity_of(found) != record.identity


def other_store(settings: Settings, record: StoreRecord, found: bytes | None) -> Problem:
    what = f"it has the identity {identity_of(found)}" if found else "it holds no data of a server"
    return Problem(
        f"the store {store_name(settings)} is not the one that {record_file_path(settings)} "
        f"records ({record.identity}): {what}",
        hint=_DECIDE,
    )


def record_file_path(settings: Settings) -> str:
    file = record_file(settings)
    return str(file.path.resolve()) if file else ""


class MemoryWatch:
    """Detects that the store lost its memory, that it is back, or that another is accepted."""

    def __init__(self, memory: StoreMemory, token_ids: TokenIds, settings: Settings) -> None:
        self._memory = memory
        self._token_ids = token_ids
        self._settings = settings
        self._file = record_file(settings)
        self._rounds = Rounds(CHECK_INTERVAL)
        self._alarm = Alarm(
            trouble="the store is not the one that this server relies on; "
            "every request that needs it is answered 503",
            over="the store is the one that this server relies on",
        )
        memory.on_lost = self.wake

    async def follow(self) -> NoReturn:
        while True:
            await self.look()
            await self._rounds.next()

    def wake(self) -> None:
        self._rounds.wake()

    async def look(self) -> None:
        try:
            found = await self._memory.find_secret()
            if found is None or found != self._memory.secret:
                found = await self._accepted(found)
        except TemporarilyUnavailable:
            # Nothing was learned. What needs the store is answered 503 for that reason.
            return
        except Problem as problem:
            self._memory.close()
            self._token_ids.forget()
            self._alarm.tell([problem])
        else:
            self._token_ids.learn(found)
            self._memory.open(found)
            self._alarm.tell([])

    async def _accepted(self, found: bytes | None) -> bytes:
        """The secret of another store than before, if it is recorded. Raises: Problem."""
        record = await asyncio.to_thread(self._file.read) if self._file else None
        if record and found and record.identity == identity_of(found):
            return found
        raise self._lost(record, found)

    def _lost(self, record: StoreRecord | None, found: bytes | None) -> Problem:
        if record:
            return other_store(self._settings, record, found)
        return Problem(
            f"the store {store_name(self._settings)} no longer holds "
            "the data that this server relies on",
            hint="bring back what it held; if that is lost, restart the servers: "
            "that ends every session",
        )
