"""Commands work on the store that is there, and make none."""

import sys
from io import BytesIO, TextIOWrapper
from pathlib import Path

import pytest
from redis import Redis
from support.shell import Shell

from token_server.store import names

SESSION_ID = "A" * 22
COMMANDS = [
    ["sessions", "issue", "alice"],
    ["sessions", "list", "alice"],
    ["sessions", "end", "--all", "alice"],
    ["sessions", "end", SESSION_ID],
    ["sessions", "explain"],
    ["users", "add", "alice", "--generate"],
    ["users", "list"],
    ["users", "passwd", "alice", "--generate"],
    ["users", "disable", "alice"],
    ["users", "enable", "alice"],
    ["users", "remove", "alice"],
    ["store", "accept", "--yes"],
    ["keys", "list"],
    ["keys", "jwks"],
    ["keys", "rotate", "--now"],
    ["keys", "revoke", "kid"],
    ["keys", "passphrase"],
    ["clients", "list"],
    ["config", "check"],
    ["config", "show"],
]


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The directory of a shell without the environment of the server."""
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "stdin", TextIOWrapper(BytesIO(SESSION_ID.encode())))
    return folder


@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: " ".join(words[:2]))
def test_a_command_leaves_nothing_where_there_is_no_store(
    shell: Shell, empty: Path, words: list[str]
) -> None:
    done = shell(*words)
    assert list(empty.iterdir()) == []
    if words[0] in {"sessions", "users", "store"}:
        assert (done.code, done.out) == (1, "")
        assert str(empty / "var" / "store") in done.err
        assert "TOKEN_SERVER_STORE_URL" in done.err
        assert "TOKEN_SERVER_CONFIG" in done.err


@pytest.mark.parametrize("words", [["keys", "list"], ["keys", "rotate"], ["keys", "jwks"]])
def test_a_command_on_keys_in_a_store_makes_no_store(
    shell: Shell, empty: Path, words: list[str], tmp_path: Path
) -> None:
    passphrase = tmp_path / "passphrase"
    passphrase.write_text("correct horse battery staple")
    passphrase.chmod(0o600)
    done = shell(*words, KEYS_URL="store:", KEYS_PASSPHRASE_FILE=str(passphrase))
    assert (done.code, list(empty.iterdir())) == (1, [])
    assert str(empty / "var" / "store") in done.err


@pytest.mark.usefixtures("empty")
@pytest.mark.parametrize(
    "words", [each for each in COMMANDS if each[0] in {"sessions", "users"}], ids=" ".join
)
def test_a_command_on_a_database_that_no_server_has_used_changes_nothing(
    shell: Shell, store_socket: Path, words: list[str]
) -> None:
    """The number of another database is the same mistake as another directory."""
    with Redis(unix_socket_path=str(store_socket), db=5) as client:
        client.flushdb()
        url = f"unix://{store_socket}?db=5"
        done = shell(*words, STORE_URL=url)
        assert (done.code, done.out) == (1, "")
        assert f"no token server has used the store {url}" in done.err
        assert "TOKEN_SERVER_STORE_URL" in done.err
        assert not {names.SECRET.encode(), names.ACCOUNTS.encode()} & {*client.keys()}
