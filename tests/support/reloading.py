"""A keys directory that tests change, and a server's keys that follow it, by a clock they move."""

import json
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from io import StringIO
from itertools import count
from pathlib import Path
from typing import Any

from redis.asyncio import Redis
from structlog.testing import capture_logs

from support.keys import GRACE, NOW, private_key, public_key
from support.moments import MovableClock
from token_server.audit import AuditLog
from token_server.signing import keyset_file
from token_server.signing.keeper import KeysKeeper
from token_server.signing.keystore import KeysDirectory
from token_server.signing.lifecycle import Keyset
from token_server.signing.pem import write_private_key
from token_server.signing.reader import KeysetReader, KeyTimes
from token_server.signing.reload import KeyRecords, KeysetReload
from token_server.signing.tidying import KeysTidier
from token_server.store.engine import Engine
from token_server.store.key_expiries import StoredKeyExpiries
from token_server.store.keyset_history import StoredKeysetHistory
from token_server.tokens.model import Kid

_CHANGES = count(1)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
TIMES = KeyTimes(grace_period=GRACE, propagation_period=HOUR, longest_lifetime=14 * DAY)


def lay_down(folder: Path, keyset: Keyset, *numbers: int, passphrase: bytes | None = None) -> None:
    """Write a keyset, and the private keys of these numbers, as a rotation leaves them."""
    folder.mkdir(mode=0o700, exist_ok=True)
    for number in numbers:
        path = folder / f"{public_key(number).kid}.pem"
        path.unlink(missing_ok=True)
        write_private_key(path, private_key(number), passphrase)
    keyset = replace(keyset, counter=next(_CHANGES))
    put(folder / "keyset.json", keyset_file.write(keyset).encode())


def put(path: Path, text: bytes) -> None:
    """In one step, as `keys rotate` does."""
    new = path.with_name("new")
    new.write_bytes(text)
    new.chmod(0o600)
    new.replace(path)


@dataclass
class Follower:
    """One server's keys."""

    reload: KeysetReload
    tidier: KeysTidier
    clock: MovableClock
    expiries: StoredKeyExpiries
    audit_lines: StringIO

    async def look_and_tidy_up(self) -> None:
        await self.reload.look()
        await self.reload.tidy_up(self.tidier)

    @property
    def signing(self) -> Kid:
        return self.reload.live.signing_kid(self.clock())

    @property
    def published(self) -> list[Kid]:
        """As verifiers see it."""
        body = self.reload.live.document(self.clock()).body
        return [key["kid"] for key in json.loads(body)["keys"]]

    @property
    def held(self) -> set[Kid]:
        """Whose private halves are in memory."""
        return set(self.reload.live.keys.private_keys)

    async def said(self) -> list[dict[str, Any]]:
        """What is logged during one look."""
        with capture_logs() as lines:
            await self.reload.look()
        return [dict(line) for line in lines]


async def follow(
    folder: Path,
    redis: Redis,
    *,
    times: KeyTimes = TIMES,
    passphrase_file: Path | None = None,
    now: datetime = NOW,
) -> Follower:
    directory = KeysDirectory(folder, passphrase_file=passphrase_file)
    return await follow_keeper(directory, redis, times=times, now=now)


async def follow_keeper(
    keeper: KeysKeeper, redis: Redis, *, times: KeyTimes = TIMES, now: datetime = NOW
) -> Follower:
    clock = MovableClock()
    clock.now = now
    expiries = StoredKeyExpiries(
        Engine(redis, waits_for_fsync=False), propagation_period=times.propagation_period
    )
    histories = StoredKeysetHistory(Engine(redis, waits_for_fsync=False))
    records = KeyRecords(expiries=expiries, histories=histories)
    reload = await KeysetReload.open(KeysetReader(keeper, times), records, clock)
    lines = StringIO()
    audit = AuditLog(lines, clock=clock)
    tidier = KeysTidier(keeper, times, key_size=2048, clock=clock, audit=audit)
    return Follower(reload, tidier, clock, expiries, lines)
