"""What tests of the command line may ask for."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from redis import Redis
from support.keys import public_key
from support.reloading import lay_down
from support.shell import Shell
from support.users import Run, Users
from support.valkey import begin_store

from token_server.signing.lifecycle import first_keyset


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Shell:
    return Shell(monkeypatch, capsys)


@pytest.fixture
def environment(store_socket: Path) -> dict[str, str]:
    return os.environ | {"TOKEN_SERVER_STORE_URL": f"unix://{store_socket}"}


@pytest.fixture
def store(store_socket: Path) -> Iterator[Redis]:
    with Redis(unix_socket_path=str(store_socket)) as client:
        begin_store(client)
        yield client


@pytest.fixture
def command(store: Redis, environment: dict[str, str], tmp_path: Path) -> Run:
    """Runs any command in this process, with keys, on an empty store."""
    store.ping()
    keyset = first_keyset(active=public_key(0), pending=public_key(1), now=datetime.now(UTC))
    lay_down(tmp_path / "keys", keyset, 0, 1)
    url = environment["TOKEN_SERVER_STORE_URL"]
    keys = str(tmp_path / "keys")
    return Run({"TOKEN_SERVER_STORE_URL": url, "TOKEN_SERVER_KEYS_DIR": keys})


@pytest.fixture
def users(store: Redis, environment: dict[str, str]) -> Users:
    """Runs one of the commands of `users` in this process, on an empty store."""
    store.ping()
    url = environment["TOKEN_SERVER_STORE_URL"]
    return Run({"TOKEN_SERVER_STORE_URL": url}, ("users",))
