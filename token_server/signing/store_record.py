"""store.json in the keys directory: which store the servers of this keyset use.

A store that lost its data looks like a new one. This record is what tells them apart. It holds
the store's public identity, never its secret. Later releases add an epoch and a counter of durable
changes.
"""

import json
import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from token_server.problems import Problem
from token_server.signing import files
from token_server.signing.folder import STORE_RECORD, KeysFolder
from token_server.signing.keyset_file import as_text

VERSION = 1
_IDENTITY = re.compile("[0-9a-f]{32}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreRecord:
    identity: str
    recorded_at: str
    """RFC 3339."""


class StoreRecordFile:
    def __init__(self, folder: Path) -> None:
        self.path = folder / STORE_RECORD
        self._folder = KeysFolder(folder)

    def read(self) -> StoreRecord | None:
        """None: no store is recorded. Raises: Problem."""
        with self._folder.explaining():
            try:
                text = files.read(self.path)
            except FileNotFoundError:
                return None
        return self._parsed(text)

    def is_writable(self) -> bool:
        return self._folder.is_writable() and self._folder.is_own()

    def record_first(self, identity: str, *, now: datetime) -> StoreRecord:
        """The record that is there, or this one, whichever was first. Raises: Problem."""
        with self._folder.explaining(), self._folder.locked():
            return self.read() or self._write(identity, now)

    def replace(self, identity: str, *, now: datetime) -> StoreRecord:
        """Raises: Problem."""
        with self._folder.explaining():
            self._folder.check_owner()
            with self._folder.locked():
                return self._write(identity, now)

    def _write(self, identity: str, now: datetime) -> StoreRecord:
        record = StoreRecord(identity=identity, recorded_at=str(as_text(now)))
        document = {
            "version": VERSION,
            "store": {"identity": record.identity, "recorded_at": record.recorded_at},
        }
        files.replace(self.path, json.dumps(document, indent=2).encode() + b"\n")
        return record

    def _parsed(self, text: bytes) -> StoreRecord:
        try:
            document = json.loads(text)
            version, store = document["version"], document["store"]
            identity, recorded_at = store["identity"], store["recorded_at"]
            is_good = isinstance(recorded_at, str) and bool(_IDENTITY.fullmatch(identity))
        except (ValueError, KeyError, TypeError, RecursionError):
            version, is_good = VERSION, False
        if version != VERSION:
            raise Problem(
                f"{self.path.resolve()} has version {version!r}, expected {VERSION}: "
                "another release wrote it",
                hint="run that release",
            )
        if not is_good:
            raise Problem(
                f"{self.path.resolve()} is damaged: it does not name a store",
                hint='restore it from a backup; or record the present store with "token-server '
                'store accept"',
            )
        return StoreRecord(identity=identity, recorded_at=recorded_at)
