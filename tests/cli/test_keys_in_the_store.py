"""`token-server keys` where the store keeps the keys, as an operator types it."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from support.keepers import InStore, passphrase_in
from support.keys import private_key

from token_server.cli.keys import command
from token_server.problems import Problem
from token_server.signing import pem

Keys = Callable[..., str]


@pytest.fixture
def store(store_socket: Path) -> InStore:
    """An empty one."""
    store = InStore(store_socket)
    store.ask(lambda client: client.flushall())
    return store


def environment(folder: Path, store_url: str) -> dict[str, str]:
    return {
        "TOKEN_SERVER_STORE_URL": store_url,
        "TOKEN_SERVER_KEYS_URL": "store:",
        "TOKEN_SERVER_KEYS_PASSPHRASE_FILE": str(folder / "passphrase"),
    }


@pytest.fixture
def run(store: InStore, tmp_path: Path) -> Callable[..., Result]:
    passphrase_in(tmp_path / "passphrase")

    def run(*arguments: str) -> Result:
        told = environment(tmp_path, f"unix://{store.socket}")
        return CliRunner().invoke(command, arguments, env=told)

    return run


@pytest.fixture
def keys(run: Callable[..., Result]) -> Keys:
    """What a command prints, which succeeds."""

    def keys(*arguments: str) -> str:
        done = run(*arguments)
        assert done.exit_code == 0, done.exception
        return done.stdout

    return keys


def states(keys: Keys) -> str:
    return " ".join(row["state"] for row in json.loads(keys("list", "--json")))


def test_every_command_works_on_them(keys: Keys, tmp_path: Path) -> None:
    first, second = keys("init").split()
    assert states(keys) == "active pending"
    assert [key["kid"] for key in json.loads(keys("jwks"))["keys"]] == [first, second]
    assert keys("rotate", "--now").startswith(f"scheduled: {second} signs from ")
    assert f"revoked: {first}\nsigning: {second}\n" in keys("revoke", first)
    assert states(keys) == "revoked active pending"
    file = tmp_path / "imported.pem"
    pem.write_private_key(file, private_key(0), None)
    assert "is the next one to sign" in keys("import", str(file))
    another = passphrase_in(tmp_path / "another", "another passphrase")
    assert keys("passphrase", "--to", str(another)).count("encrypted: ") == 3
    another.rename(tmp_path / "passphrase")
    assert f"revoked: {second}\n" in keys("revoke", second)
    assert not (tmp_path / "keys").exists()


def test_init_never_makes_a_second_keyset(
    keys: Keys, run: Callable[..., Result], store: InStore
) -> None:
    keys("init")
    before = store.texts()
    problem = run("init").exception
    assert isinstance(problem, Problem)
    assert problem.text == "the keyset in the store already exists"
    assert store.texts() == before


def test_a_key_of_another_server_begins_a_keyset(keys: Keys, tmp_path: Path) -> None:
    file = tmp_path / "old.pem"
    pem.write_private_key(file, private_key(0), None)
    assert keys("import", "--as", "active", str(file)).startswith("imported: ")
    assert states(keys) == "active pending"


def test_where_no_server_runs_the_embedded_store_is_started_for_the_command(
    tmp_path: Path,
) -> None:
    passphrase_in(tmp_path / "passphrase")
    told = environment(tmp_path, f"embedded:{tmp_path}/store")
    made = CliRunner().invoke(command, ["init"], env=told)
    assert "no server runs: started the store of" in made.stderr
    listed = CliRunner().invoke(command, ["list", "--json"], env=told)
    assert [row["kid"] for row in json.loads(listed.stdout)] == made.stdout.split()
