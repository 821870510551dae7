"""A power loss at any moment leaves a keyset whose keys can be opened: the order of the syncs."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from support import killed_changes
from support.keepers import passphrase_in
from support.keys import NOW, private_key
from support.killed_changes import CHANGES, left_at_every_step
from support.recorded_steps import Steps, recorded

from token_server.signing import pem
from token_server.signing.keystore import KeysDirectory

Recorded = Callable[[str], Steps]


@pytest.fixture(scope="session")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directories that changes begin with, by change."""
    begun = tmp_path_factory.mktemp("begun")
    passphrase_in(begun / "passphrase")
    pem.write_private_key(begun / "imported.pem", private_key(0), None)
    KeysDirectory(begun / "rotate").ensure_first(key_size=2048, now=NOW)
    for change in ("revoke", "import", "encrypt", "tidy", "decrypt"):
        shutil.copytree(begun / "rotate", begun / change)
    killed_changes.rotate(begun / "tidy")
    killed_changes.encrypt(begun / "decrypt")
    return begun


@pytest.fixture
def steps_of(begun: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Recorded:
    def steps_of(change: str) -> Steps:
        folder = Path(shutil.copytree(begun / change, tmp_path / "keys"))
        for name in ("passphrase", "imported.pem"):
            shutil.copy(begun / name, tmp_path)
        with recorded(folder, monkeypatch) as steps:
            CHANGES[change](folder)
        return steps

    return steps_of


@pytest.mark.parametrize("change", CHANGES)
def test_what_is_renamed_was_synced_and_the_directory_is_synced_after_it(
    steps_of: Recorded, change: str
) -> None:
    steps = steps_of(change)
    for at, line in enumerate(steps.lines):
        verb, name, *_ = line.split()
        # A key that is set aside was synced when it was made.
        if verb == "rename" and not name.endswith(".pem"):
            assert f"sync {name}" in steps.lines[:at]
        if verb in ("rename", "unlink"):
            assert "sync ." in steps.lines[at + 1 :]


@pytest.mark.parametrize("change", ["rotate", "revoke", "import"])
def test_private_keys_are_on_disk_before_the_keyset_that_names_them(
    steps_of: Recorded, change: str
) -> None:
    steps = steps_of(change)
    named = steps.at("rename keyset.json.new keyset.json")
    written = [at for at in steps.all("sync", ".pem") if at < named]
    assert written
    assert steps.syncs_folder_between(max(written), named)


@pytest.mark.parametrize("change", ["rotate", "revoke", "import"])
def test_the_keyset_is_on_disk_before_a_key_is_destroyed_or_the_change_is_reported(
    steps_of: Recorded, change: str
) -> None:
    steps = steps_of(change)
    named = steps.at("rename keyset.json.new keyset.json")
    gone = [at for at in steps.all("sync", ".gone") if at > named]
    assert steps.syncs_folder_between(named, min(gone, default=len(steps.lines)))
    assert bool(gone) == (change == "revoke")


@pytest.mark.parametrize("change", ["encrypt", "decrypt"])
def test_every_next_key_is_on_disk_before_the_first_old_one_goes(
    steps_of: Recorded, change: str
) -> None:
    steps = steps_of(change)
    nexts = steps.all("sync", ".pem.next")
    assert len(nexts) == 2
    assert steps.syncs_folder_between(max(nexts), min(steps.all("rename", "")))


@pytest.mark.parametrize("change", ["encrypt", "decrypt"])
def test_the_new_key_is_in_its_place_on_disk_before_the_old_one_is_overwritten(
    steps_of: Recorded, change: str
) -> None:
    steps = steps_of(change)
    promotions = steps.all("rename", ".pem.next")
    assert len(promotions) == 2
    for promoted in promotions:
        name = steps.lines[promoted].split()[2]
        overwritten = steps.at(f"sync {name}.gone")
        assert promoted < overwritten < steps.at(f"unlink {name}.gone")
        assert steps.syncs_folder_between(promoted, overwritten)


@pytest.mark.parametrize("change", ["revoke", "tidy"])
def test_the_noise_over_a_destroyed_key_is_on_disk_before_its_name_goes(
    steps_of: Recorded, change: str
) -> None:
    steps = steps_of(change)
    (name,) = (line.split()[1] for line in steps.lines if line.startswith("unlink"))
    assert name.endswith(".pem.gone")
    assert steps.at(f"sync {name}") < steps.at(f"unlink {name}")


@pytest.mark.parametrize("change", CHANGES)
def test_a_reader_finds_a_private_key_whole_or_gone_at_every_step(
    begun: Path, tmp_path: Path, change: str
) -> None:
    shutil.copytree(begun / change, tmp_path / "0")
    for name in ("passphrase", "imported.pem"):
        shutil.copy(begun / name, tmp_path)
    last = left_at_every_step(change, tmp_path) + 1
    before, after = (private_keys_in(tmp_path / str(step)) for step in (0, last))
    for step in range(1, last):
        for name, text in private_keys_in(tmp_path / str(step)).items():
            # A key that is new may be half written: nothing names it yet.
            assert name not in before or text in (before[name], after.get(name)), step


def private_keys_in(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("*.pem")}


def test_a_new_keys_directory_is_on_disk_with_its_first_keyset(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with recorded(tmp_path / "made", monkeypatch) as steps:
        steps.folder.mkdir()
        KeysDirectory(tmp_path / "made" / "keys").ensure_first(key_size=2048, now=NOW)
    # `keys` is in `made`, which is synced after it was made.
    assert "sync ." in steps.lines
    assert "sync keys" in steps.lines
