"""The keys directory: made once, whole or not at all, and by one of many."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from support.full_disk import files_no_longer_than
from support.keys import NOW, opened

from token_server.problems import Problem
from token_server.signing import rsa_keys
from token_server.signing.keystore import KeysDirectory
from token_server.signing.lifecycle import KeyState, state
from token_server.tokens.model import Kid

TESTS = Path(__file__).parent.parent


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "keys"


def ensure_first(folder: Path) -> tuple[Kid, ...]:
    return KeysDirectory(folder).ensure_first(key_size=2048, now=NOW)


def python(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, *arguments], cwd=TESTS, stdout=subprocess.PIPE, text=True
    )


def assert_whole(folder: Path) -> None:
    keys = KeysDirectory(folder)
    keyset = keys.load()
    assert [state(keyset, key, NOW) for key in keyset.keys] == ["active", "pending"]
    assert list(opened(keys)) == [key.kid for key in keyset.keys]


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_the_first_keyset_is_an_active_key_and_its_pending_successor(folder: Path) -> None:
    kids = ensure_first(folder)
    keyset = KeysDirectory(folder).load()
    assert {key.kid: state(keyset, key, NOW) for key in keyset.keys} == {
        kids[0]: KeyState.ACTIVE,
        kids[1]: KeyState.PENDING,
    }
    assert all(key.announced_at == NOW for key in keyset.keys)


def test_files_are_named_by_thumbprint_and_open_to_their_owner_only(folder: Path) -> None:
    old = os.umask(0)
    try:
        kids = ensure_first(folder)
    finally:
        os.umask(old)
    names = {f"{kid}.pem" for kid in kids} | {"keyset.json", "lock"}
    assert {path.name: mode(path) for path in folder.iterdir()} == dict.fromkeys(names, 0o600)
    assert mode(folder) == 0o700


def test_the_private_keys_fit_and_keyset_json_holds_nothing_of_them(folder: Path) -> None:
    ensure_first(folder)
    keys = KeysDirectory(folder)
    keyset = keys.load()
    for kid, private in opened(keys).items():
        assert private.key_size == 2048
        assert rsa_keys.public_part(private) == keyset.find(kid).public  # type: ignore[union-attr]
        raw = load_pem_private_key((folder / f"{kid}.pem").read_bytes(), None)
        assert raw.private_numbers() == private.private_numbers()  # type: ignore[union-attr]
    for key in json.loads((folder / "keyset.json").read_text())["keys"]:
        assert set(key["jwk"]) == {"kty", "n", "e"}


@pytest.mark.parametrize("key_size", [3072, 4096])
def test_keys_have_the_size_asked_for(key_size: int) -> None:
    assert rsa_keys.make(key_size).key_size == key_size


def test_what_is_there_is_left_as_it_is(folder: Path) -> None:
    ensure_first(folder)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert ensure_first(folder) == ()
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_of_processes_that_start_on_an_empty_directory_one_makes_the_keyset(folder: Path) -> None:
    script = f"from support.first_start import *; print(*start(Path({str(folder)!r})))"
    outputs = []
    racers = [python("-c", script) for _ in range(5)]
    for racer in racers:
        outputs.append(racer.communicate()[0].split())
        assert racer.returncode == 0
    (made,) = filter(None, outputs)
    assert [key.kid for key in KeysDirectory(folder).load().keys] == made
    assert {path.stem for path in folder.glob("*.pem")} == set(made)


def test_killed_at_any_step_it_leaves_no_keyset_or_a_whole_one(tmp_path: Path) -> None:
    run = python("-m", "support.first_start", str(tmp_path))
    killed = int(run.communicate()[0])
    # mkdir, chmod, lock, two private keys, the directory, the new file, its rename, the directory,
    # and the directory again, after the mark of a first start is gone.
    assert killed >= 10
    for step in range(1, killed + 2):
        folder = tmp_path / str(step)
        if (folder / "keyset.json").exists():
            assert step >= killed - 1, "keyset.json comes after every private key"
            assert_whole(folder)
        ensure_first(folder)
        assert_whole(folder)


@pytest.mark.parametrize("size", [0, 100])
def test_a_full_disk_is_a_problem_and_no_half_keyset(folder: Path, size: int) -> None:
    with files_no_longer_than(size), pytest.raises(Problem, match="too large"):
        ensure_first(folder)
    assert not (folder / "keyset.json").exists()
    assert len(ensure_first(folder)) == 2
    assert_whole(folder)


def test_a_fresh_clone_is_closed_to_others_when_it_gets_its_keys(folder: Path) -> None:
    """Git keeps no such modes."""
    folder.mkdir()
    (folder / "README.md").touch()
    (folder / ".gitignore").touch()
    folder.chmod(0o775)
    ensure_first(folder)
    assert mode(folder) == 0o700
    assert_whole(folder)


def test_a_directory_that_holds_more_than_keys_is_not_ours_to_close(folder: Path) -> None:
    folder.mkdir()
    (folder / "passwd").touch()
    folder.chmod(0o755)
    ensure_first(folder)
    assert mode(folder) == 0o755
    assert_whole(folder)


def test_no_keyset_yet_is_a_problem_that_says_what_to_do(folder: Path) -> None:
    with pytest.raises(Problem) as caught:
        KeysDirectory(folder).load()
    assert caught.value.text == f"{folder}/keyset.json does not exist"
    assert caught.value.hint == '"token-server keys init" makes the first keyset'


def test_a_link_to_a_keyset_that_is_away_is_no_reason_to_make_another(folder: Path) -> None:
    folder.mkdir()
    (folder / "keyset.json").symlink_to("..data/keyset.json")
    assert ensure_first(folder) == ()
    with pytest.raises(Problem, match="No such file"):
        KeysDirectory(folder).load()


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, "\0", '{"version":2,"keys":[]}'])
def test_a_keyset_that_cannot_be_read_is_a_problem_and_is_never_replaced(
    folder: Path, text: str
) -> None:
    folder.mkdir(mode=0o700)
    keyset = folder / "keyset.json"
    keyset.write_text(text)
    with pytest.raises(Problem, match=r"keyset\.json is no good"):
        KeysDirectory(folder).load()
    assert ensure_first(folder) == ()
    assert keyset.read_text() == text
