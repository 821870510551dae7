"""Commands that an operator types, and the ids of the audit line that each has to write."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from click.testing import CliRunner
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from support.keys import private_key, public_key
from support.reloading import lay_down
from token_server.cli import token_server
from token_server.signing.keystore import KeysDirectory
from token_server.signing.lifecycle import first_keyset
from token_server.signing.store_record import StoreRecordFile
from token_server.tokens.ports import Fact

Ids = Mapping[str, object]
NAME = "alice"


@dataclass
class Shell:
    """Runs commands on a store and a keys directory, and has the audit lines of the last one."""

    environment: dict[str, str]
    folder: Path
    lines: list[dict[str, Any]] = field(default_factory=list)

    def __call__(self, *words: str) -> str:
        done = CliRunner(env=self.environment).invoke(token_server, words, standalone_mode=False)
        assert done.exception is None, done.exception
        told = [line for line in done.stderr.splitlines() if line.startswith("{")]
        self.lines = [line for line in map(json.loads, told) if line.get("audit")]
        return done.stdout

    def lay_down_keys(self, *, days_ago: int) -> tuple[str, str]:
        """The active key and the pending one."""
        then = datetime.now(UTC) - timedelta(days=days_ago)
        keyset = first_keyset(active=public_key(0), pending=public_key(1), now=then)
        lay_down(self.folder, keyset, 0, 1)
        return public_key(0).kid, public_key(1).kid

    @property
    def kids(self) -> list[str]:
        return [key.kid for key in KeysDirectory(self.folder).load().keys]


def account_added(shell: Shell) -> Ids:
    shell("users", "add", NAME, "--generate")
    return {"sub": NAME}


def account_changed(*words: str) -> Callable[[Shell], Ids]:
    def changed(shell: Shell) -> Ids:
        shell("users", "add", NAME, "--generate")
        shell("users", words[0], NAME, *words[1:])
        return {"sub": NAME}

    return changed


def session_issued(shell: Shell) -> str:
    shell.lay_down_keys(days_ago=0)
    shell("sessions", "issue", NAME)
    return str(shell.lines[0]["sid"])


def session_ended(shell: Shell) -> Ids:
    sid = session_issued(shell)
    shell("sessions", "end", sid)
    return {"sid": sid, "sub": NAME, "because": "operator"}


def sessions_ended(shell: Shell) -> Ids:
    session_issued(shell)
    shell("sessions", "end", "--all", NAME)
    return {"sub": NAME, "because": "operator"}


def key_made(shell: Shell) -> Ids:
    shell.lay_down_keys(days_ago=90)
    shell("keys", "rotate")
    return {"kid": shell.kids[-1]}


def key_rotated(shell: Shell) -> Ids:
    first, second = shell.lay_down_keys(days_ago=90)
    shell("keys", "rotate")
    return {"kid": second, "before": first}


def key_scheduled(shell: Shell) -> Ids:
    _, second = shell.lay_down_keys(days_ago=0)
    shell("keys", "rotate", "--now")
    signs_from = KeysDirectory(shell.folder).load().keys[1].signs_from
    assert signs_from
    return {"kid": second, "signs_from": signs_from.isoformat()}


def key_revoked(shell: Shell) -> Ids:
    first, second = shell.lay_down_keys(days_ago=1)
    shell("keys", "revoke", first)
    return {"kid": first, "was": "active", "signing": second}


def key_destroyed(shell: Shell) -> Ids:
    first, _ = shell.lay_down_keys(days_ago=1)
    shell("keys", "revoke", first)
    return {"kid": first}


def store_accepted(shell: Shell) -> Ids:
    shell.lay_down_keys(days_ago=0)
    shell("store", "accept", "--yes")
    record = StoreRecordFile(shell.folder).read()
    assert record
    return {"store": record.identity, "before": ""}


def key_imported(shell: Shell) -> Ids:
    shell.lay_down_keys(days_ago=0)
    file = shell.folder.parent / "key.pem"
    key = private_key(2)
    file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    shell("keys", "import", "--as", "pending", str(file))
    return {"kid": public_key(2).kid, "role": "pending"}


COMMANDS: list[tuple[Fact, Callable[[Shell], Ids]]] = [
    (Fact.ACCOUNT_ADDED, account_added),
    (Fact.PASSWORD_CHANGED, account_changed("passwd", "--generate")),
    (Fact.ACCOUNT_DISABLED, account_changed("disable")),
    (Fact.ACCOUNT_ENABLED, account_changed("enable")),
    (Fact.ACCOUNT_REMOVED, account_changed("remove")),
    (Fact.SESSION_ENDED, session_ended),
    (Fact.SESSIONS_ENDED, sessions_ended),
    (Fact.STORE_ACCEPTED, store_accepted),
    (Fact.KEY_MADE, key_made),
    (Fact.KEY_ROTATED, key_rotated),
    (Fact.KEY_SCHEDULED, key_scheduled),
    (Fact.KEY_REVOKED, key_revoked),
    (Fact.KEY_IMPORTED, key_imported),
    (Fact.KEY_DESTROYED, key_destroyed),
]
