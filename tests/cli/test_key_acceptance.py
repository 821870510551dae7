"""`keys accept`: an operator takes a keyset that servers refuse."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from support.keepers import Folder, InStore, Place, passphrase_in

from token_server.cli.keys import command
from token_server.problems import Problem
from token_server.signing import keyset_file

Keys = Callable[..., Result]


@pytest.fixture
def store(store_socket: Path) -> InStore:
    store = InStore(store_socket)
    store.ask(lambda client: client.flushall())
    return store


@pytest.fixture(params=["directory", "store"])
def place(request: pytest.FixtureRequest, store: InStore, tmp_path: Path) -> Place:
    return Folder(tmp_path / "keys") if request.param == "directory" else store


@pytest.fixture
def keys(place: Place, store: InStore, tmp_path: Path) -> Keys:
    passphrase = passphrase_in(tmp_path / "passphrase")
    settings = {"STORE_URL": f"unix://{store.socket}", "KEYS_PASSPHRASE_FILE": str(passphrase)}
    settings |= {"KEYS_DIR": str(place.path)} if isinstance(place, Folder) else {}
    settings |= {"KEYS_URL": "store:"} if isinstance(place, InStore) else {}
    environment = {f"TOKEN_SERVER_{name}": value for name, value in settings.items()}
    return lambda *words: CliRunner().invoke(command, words, env=environment)


def states(keys: Keys) -> dict[str, str]:
    return {row["kid"]: row["state"] for row in json.loads(keys("list", "--json").stdout)}


def test_a_restored_keyset_is_accepted_with_its_revocations(keys: Keys, place: Place) -> None:
    first, second = keys("init").stdout.split()
    backup = place.texts()
    # The key that then signs, and the one that was pending in the backup.
    assert keys("revoke", first).exit_code == keys("revoke", second).exit_code == 0
    before = states(keys)
    for name, text in backup.items():
        put(place, name, text)
    for words in (["list"], ["jwks"], ["rotate", "--now"], ["revoke", first]):
        refused = keys(*words)
        assert isinstance(refused.exception, Problem), words
        assert "takes back the revocation" in refused.exception.text
        assert "keys accept" in str(refused.exception.hint)
    shown = keys("accept", "--dry-run")
    assert shown.stdout.splitlines() == [
        f"would accept: {first} active",
        f"would accept: {second} pending",
        f"would revoke: {first}",
        f"would revoke: {second}",
    ]
    assert place.texts()["keyset.json"] == backup["keyset.json"]
    accepted = keys("accept")
    assert accepted.exit_code == 0, accepted.exception
    assert f"revoked: {first}\n" in accepted.stdout
    assert f"accepted: {second} revoked\n" in accepted.stdout
    assert sorted(states(keys).values()) == sorted(before.values())
    assert {kid for kid, state in states(keys).items() if state == "revoked"} == {first, second}
    again = keys("accept")
    assert again.stdout == "already accepted: servers take the keyset as it is\n"


def put(place: Place, name: str, text: bytes) -> None:
    if isinstance(place, Folder):
        (place.path / name).write_bytes(text)
        (place.path / name).chmod(0o600)
    else:
        assert isinstance(place, InStore)
        place.ask(lambda client: client.hset("{token-server:secret}:keyset", name, text))


def test_an_older_keyset_is_accepted_and_later_changes_are_followed(
    keys: Keys, place: Place
) -> None:
    _, second = keys("init").stdout.split()
    backup = place.texts()
    assert keys("rotate", "--now").exit_code == 0
    for name, text in backup.items():
        put(place, name, text)
    assert "older than one that was in use" in str(keys("list").exception)
    assert keys("accept").exit_code == 0
    assert states(keys)[second] == "pending"
    assert keys("rotate", "--now").exit_code == 0


@pytest.mark.parametrize("place", ["store"], indirect=True)
def test_a_keyset_of_an_earlier_release_is_accepted_once(keys: Keys, place: Place) -> None:
    keys("init")
    document = json.loads(place.texts()["keyset.json"])
    earlier = json.dumps({name: document[name] for name in ("version", "keys")}, indent=2)
    place.put(earlier.encode() + b"\n")
    refused = keys("list").exception
    assert isinstance(refused, Problem)
    assert "an earlier release wrote it" in refused.text
    assert "keys accept" in str(refused.hint)
    accepted = keys("accept")
    assert [line.split()[2] for line in accepted.stdout.splitlines()] == ["active", "pending"]
    assert set(states(keys).values()) == {"active", "pending"}


@pytest.mark.parametrize("place", ["store"], indirect=True)
def test_no_private_key_that_the_passphrase_does_not_open_is_accepted(
    keys: Keys, place: Place, tmp_path: Path
) -> None:
    keys("init")
    bare = keyset_file.write(keyset_file.read(place.texts()["keyset.json"].decode())).encode()
    place.put(bare)
    passphrase_in(tmp_path / "passphrase", "the passphrase of another")
    refused = keys("accept").exception
    assert isinstance(refused, Problem)
    assert "cannot be opened with the passphrase" in refused.text
    assert place.texts()["keyset.json"] == bare


@pytest.mark.parametrize("place", ["directory"], indirect=True)
def test_a_directory_of_an_earlier_release_is_upgraded_by_the_next_change(
    keys: Keys, place: Place
) -> None:
    keys("init")
    document = json.loads(place.texts()["keyset.json"])
    place.put(json.dumps({name: document[name] for name in ("version", "keys")}).encode())
    # `init` recorded nothing, and no server has seen the counter yet.
    assert keys("rotate", "--now").exit_code == 0
    assert json.loads(place.texts()["keyset.json"])["counter"] == 1
