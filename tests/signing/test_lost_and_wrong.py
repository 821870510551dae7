"""What was lost, damaged, or written by another release is named, with the way out of it."""

import json
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from support.keepers import Folder, InStore, Place, passphrase_in
from support.keys import GRACE, NOW, opened, private_key
from support.killed_changes import POLICY

from token_server.problems import Problem
from token_server.signing import rotation
from token_server.signing.keeper import KeysKeeper
from token_server.signing.keystore import KeysDirectory
from token_server.signing.rsa_keys import KeyPair, public_part
from token_server.store import names

BEFORE_2000 = datetime(1970, 1, 1, 0, 3, tzinfo=UTC)
FAR_AWAY = datetime(8999, 1, 1, tzinfo=UTC)
# Runs a command line as if it were this time.
AT_A_TIME = """
import sys
from datetime import UTC, datetime
from token_server import system
now = datetime.fromisoformat(sys.argv.pop(1))
system.system_clock = lambda: now
from token_server.cli import main
main()
"""


@pytest.fixture(params=["directory", "store"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    if request.param == "directory":
        return Folder(tmp_path / "keys")
    in_store = InStore(request.getfixturevalue("store_socket"))
    in_store.ask(lambda client: client.flushall())
    return in_store


@pytest.fixture
def keys(place: Place, tmp_path: Path) -> KeysKeeper:
    return place.keeper(passphrase_in(tmp_path / "passphrase"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    KeysDirectory(tmp_path / "keys").ensure_first(key_size=2048, now=NOW)
    return tmp_path / "keys"


def problem_with(folder: Path) -> Problem:
    with pytest.raises(Problem) as caught:
        KeysDirectory(folder).load()
    return caught.value


@pytest.mark.parametrize(
    ("kept", "what"),
    [
        (0, "it is empty"),
        (1, "it is damaged: it is no complete JSON text"),
        (324, "it is damaged: it is no complete JSON text"),
        (-3, "it is damaged: it is no complete JSON text"),
    ],
)
def test_a_truncated_keyset_is_said_to_be_damaged(folder: Path, kept: int, what: str) -> None:
    path = folder / "keyset.json"
    path.write_bytes(path.read_bytes()[:kept])
    problem = problem_with(folder)
    assert problem.text == f"{path} is no good: {what}"
    assert problem.hint == "restore the keys directory from a backup"


@pytest.mark.parametrize("text", [b"\xff\xfe{", b"[" * 100_000, b"1" * 5_000, b"NaN", b'"\xed"'])
def test_no_words_of_a_parser_are_shown(folder: Path, text: bytes) -> None:
    (folder / "keyset.json").write_bytes(text)
    words = problem_with(folder).text
    for technical in ("char", "codec", "recursion", "Exceeds", "column", "byte"):
        assert technical not in words


def test_a_keyset_of_another_release_names_its_format_and_that_release(folder: Path) -> None:
    path = folder / "keyset.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"version": 2}))
    problem = problem_with(folder)
    assert '"version" is 2, and this release reads 1: another release wrote it' in problem.text
    assert problem.hint == "run the release that wrote it, or a later one"


def test_private_keys_without_a_keyset_are_an_error(folder: Path) -> None:
    (folder / "keyset.json").unlink()
    before = sorted(path.name for path in folder.iterdir())
    with pytest.raises(Problem) as caught:
        KeysDirectory(folder).ensure_first(key_size=2048, now=NOW)
    assert caught.value.text == f"{folder} holds private keys, and no keyset.json"
    with pytest.raises(Problem) as read:
        KeysDirectory(folder).load()
    assert read.value.hint == caught.value.hint
    assert "put keyset.json back from a backup" in str(caught.value.hint)
    assert sorted(path.name for path in folder.iterdir()) == before
    for path in folder.glob("*.pem"):
        path.unlink()
    assert len(KeysDirectory(folder).ensure_first(key_size=2048, now=NOW)) == 2


def test_a_first_start_that_was_killed_is_gone_on_with(tmp_path: Path, folder: Path) -> None:
    """It leaves private keys beside no keyset as well."""
    killed = tmp_path / "killed"
    killed.mkdir(mode=0o700)
    for path in folder.glob("*.pem"):
        shutil.copy(path, killed)
    (killed / "keyset.json.first").touch()
    assert len(KeysDirectory(killed).ensure_first(key_size=2048, now=NOW)) == 2
    assert not (killed / "keyset.json.first").exists()
    assert len(opened(KeysDirectory(killed))) == 2


def test_a_store_whose_keyset_was_deleted_beside_its_keys_gets_no_other(
    store_socket: Path, tmp_path: Path
) -> None:
    place = InStore(store_socket)
    place.ask(lambda client: client.flushall())
    keys = place.keeper(passphrase_in(tmp_path / "passphrase"))
    keys.ensure_first(key_size=2048, now=NOW)
    place.ask(lambda client: client.hdel(names.KEYSET, "keyset.json"))
    before = place.texts()
    with pytest.raises(Problem, match="has been in use, and holds no keyset"):
        keys.ensure_first(key_size=2048, now=NOW)
    assert place.texts() == before


@pytest.mark.parametrize("now", [BEFORE_2000, FAR_AWAY, FAR_AWAY - timedelta(days=36_000)])
def test_a_time_that_no_keyset_may_hold_makes_no_keys(
    place: Place, keys: KeysKeeper, now: datetime
) -> None:
    with pytest.raises(Problem, match=f"clock .* wrong: it says {now.year}-") as caught:
        keys.ensure_first(key_size=2048, now=now)
    assert "set the clock" in str(caught.value.hint)
    assert not (place.path.exists() if isinstance(place, Folder) else place.texts())


@pytest.mark.parametrize("now", [BEFORE_2000, FAR_AWAY])
def test_a_time_that_no_keyset_may_hold_changes_no_keyset(
    place: Place, keys: KeysKeeper, now: datetime
) -> None:
    keys.ensure_first(key_size=2048, now=NOW)
    before, kid = place.texts(), keys.load().keys[0].kid
    pair = KeyPair(public=public_part(private_key(0)), private=private_key(0))
    pending = rotation.Role.PENDING
    for command in (
        partial(rotation.rotate, policy=POLICY, at_once=True),
        lambda keyset, at: rotation.revoke(keyset, kid, at, POLICY),
        lambda keyset, at: rotation.admit(keyset, pair.public, pending, at, POLICY),
    ):
        with pytest.raises(Problem, match="clock of this machine is wrong"):
            keys.change(
                command, key_size=2048, clock=lambda: now, grace_period=GRACE, imported=pair
            )
    assert place.texts() == before


@pytest.mark.parametrize("words", [["serve"], ["keys", "init"]])
def test_a_server_or_command_whose_clock_is_wrong_writes_nothing(
    tmp_path: Path, words: list[str]
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", AT_A_TIME, BEFORE_2000.isoformat(), *words],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.splitlines()[0] == (
        "error: the clock of this machine is wrong: it says 1970-01-01T00:03:00Z"
    )
    assert list(tmp_path.iterdir()) == []
