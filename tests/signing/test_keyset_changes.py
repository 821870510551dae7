"""Changes of the keyset on disk: one after the other, each whole or not at all."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest
from support import killed_changes
from support.full_disk import files_no_longer_than
from support.keys import NOW, opened, private_key
from support.killed_changes import CHANGES, DUE, LATER, RACERS, left_at_every_step

from token_server.problems import Problem
from token_server.signing import pem
from token_server.signing.keystore import KeysDirectory
from token_server.signing.lifecycle import Keyset, state

TESTS = Path(__file__).parent.parent
# To make and to open keys is slow, and one step differs little from the next.
SAMPLE = 6
PASSPHRASE = "8q3vYw0nW5yJm2s1V7cZ4g"


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directories that changes begin with, by change."""
    made = tmp_path_factory.mktemp("made")
    (made / "passphrase").write_text(PASSPHRASE)
    (made / "passphrase").chmod(0o600)
    pem.write_private_key(made / "imported.pem", private_key(0), None)
    KeysDirectory(made / "rotate").ensure_first(key_size=2048, now=NOW)
    for change in ("revoke", "import", "encrypt", "tidy", "decrypt"):
        shutil.copytree(made / "rotate", made / change)
    killed_changes.rotate(made / "tidy")
    killed_changes.encrypt(made / "decrypt")
    return made


def states(keyset: Keyset, now: datetime) -> str:
    return " ".join(state(keyset, key, now) for key in keyset.keys)


@pytest.fixture
def killed_at_every_step(
    made: Path, tmp_path: Path, *, chaos: bool
) -> Callable[[str], list[Path]]:
    """What the killed left behind, and the one that was not; each that differs from the last."""

    def killed_at_every_step(change: str) -> list[Path]:
        shutil.copytree(made / change, tmp_path / "0")
        for name in ("passphrase", "imported.pem"):
            shutil.copy(made / name, tmp_path)
        steps = int(python(change, tmp_path)) if chaos else left_at_every_step(change, tmp_path)
        # To lock, to write, sync and rename, and to sync the directory.
        assert steps >= 10
        contents: list[dict[str, bytes]] = [{}]
        different = []
        for folder in (tmp_path / str(step) for step in range(1, steps + 2)):
            content = {path.name: path.read_bytes() for path in folder.iterdir()}
            if content != contents[-1]:
                different.append(folder)
                contents.append(content)
        return different

    return killed_at_every_step


def python(*arguments: str | Path) -> str:
    """What `support.killed_changes` prints."""
    command = [sys.executable, "-m", "support.killed_changes", *map(str, arguments)]
    return subprocess.run(command, cwd=TESTS, stdout=subprocess.PIPE, text=True, check=True).stdout


def left_of(folder: Path, kid: str) -> list[str]:
    return [path.name for path in folder.iterdir() if path.name.startswith(kid)]


@pytest.mark.parametrize(
    ("change", "before", "after"),
    [
        ("rotate", "active pending", "retiring active pending"),
        ("revoke", "active pending", "revoked active pending"),
        ("import", "active pending", "active pending pending"),
    ],
)
def test_killed_at_any_step_a_change_leaves_the_old_keyset_or_the_new(
    change: str,
    before: str,
    after: str,
    killed_at_every_step: Callable[[str], list[Path]],
    *,
    chaos: bool,
) -> None:
    seen = []
    for number, folder in enumerate(killed_at_every_step(change)):
        keys = KeysDirectory(folder)
        seen.append(states(keys.load(), DUE))
        assert len(opened(keys, DUE)) >= 2
        if chaos or number % SAMPLE == 0:
            CHANGES[change](folder)
            assert states(keys.load(), DUE) == after, "doing it again ends it"
            revoked = [key.kid for key in keys.load().keys if key.revoked_at]
            assert not any(left_of(folder, kid) for kid in revoked)
    assert set(seen) == {before, after}
    assert seen == sorted(seen, key=[before, after].index)


def test_killed_at_any_step_the_destruction_of_a_key_disturbs_no_other(
    made: Path, killed_at_every_step: Callable[[str], list[Path]]
) -> None:
    retired = KeysDirectory(made / "tidy").load().keys[0]
    for folder in killed_at_every_step("tidy"):
        assert len(opened(KeysDirectory(folder), LATER)) == 2
        killed_changes.tidy(folder)
        assert not left_of(folder, retired.kid)
        assert len(opened(KeysDirectory(folder), LATER)) == 2


@pytest.mark.parametrize("change", ["encrypt", "decrypt"])
def test_killed_at_any_step_a_change_of_passphrase_leaves_one_that_opens_every_key(
    change: str, tmp_path: Path, killed_at_every_step: Callable[[str], list[Path]], *, chaos: bool
) -> None:
    plain = []
    for number, folder in enumerate(killed_at_every_step(change)):
        encrypted = KeysDirectory(folder, passphrase_file=tmp_path / "passphrase")
        plain.append(is_whole(KeysDirectory(folder)))
        assert plain[-1] or is_whole(encrypted)
        if chaos or number % SAMPLE == 0:
            CHANGES[change](folder)
            assert is_whole(encrypted if change == "encrypt" else KeysDirectory(folder))
            assert {path.suffix for path in folder.glob("*.pem*")} == {".pem"}
    assert plain == sorted(plain, reverse=change == "encrypt")


def is_whole(keys: KeysDirectory) -> bool:
    try:
        return len(opened(keys)) == 2
    except Problem:
        return False


@pytest.mark.parametrize("size", [0, 100, 1800])
def test_a_full_disk_is_a_problem_and_the_keyset_stays_as_it_is(
    size: int, made: Path, tmp_path: Path
) -> None:
    """No room for a private key; or for that, and not for keyset.json."""
    folder = Path(shutil.copytree(made / "rotate", tmp_path / "keys"))
    before = (folder / "keyset.json").read_bytes()
    with files_no_longer_than(size), pytest.raises(Problem, match="too large"):
        killed_changes.rotate(folder)
    assert (folder / "keyset.json").read_bytes() == before
    assert len(opened(KeysDirectory(folder), DUE)) == 2
    killed_changes.rotate(folder)
    assert states(KeysDirectory(folder).load(), DUE) == "retiring active pending"


def test_of_processes_that_rotate_at_once_one_rotates(made: Path, tmp_path: Path) -> None:
    """Twenty, on as many hosts as may share the directory: one new key, and nobody fails."""
    folder = Path(shutil.copytree(made / "rotate", tmp_path / "keys"))
    outcomes = python("race", folder).split()
    assert sorted(outcomes) == ["NotDue"] * (RACERS - 1) + ["Rotated"]
    keyset = KeysDirectory(folder).load()
    assert states(keyset, DUE) == "retiring active pending"
    assert len(list(folder.glob("*.pem"))) == 3
