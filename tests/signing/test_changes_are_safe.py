"""A change is made by the directory's owner, on what is on disk, and beside other changes."""

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from support.keepers import InStore, passphrase_in
from support.keys import GRACE, NOW, opened
from support.killed_changes import DUE, LATER, POLICY

from token_server.problems import Problem
from token_server.signing import rotation
from token_server.signing.keeper import KeysKeeper
from token_server.signing.keystore import KeysDirectory
from token_server.signing.stored_keys import Contents, StoredKeys
from token_server.store.keyset import StoredKeyset

NOBODY = 65534
only_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory away")


@pytest.fixture
def store(store_socket: Path) -> InStore:
    store = InStore(store_socket)
    store.ask(lambda client: client.flushall())
    return store


def rotate(keys: KeysKeeper) -> object:
    command = partial(rotation.rotate, policy=POLICY)
    return keys.change(command, key_size=2048, clock=lambda: DUE, grace_period=GRACE)


CHANGES: dict[str, Callable[[KeysKeeper], object]] = {
    "rotate": rotate,
    "change the passphrase": lambda keys: keys.change_passphrase(None),
    "destroy": lambda keys: keys.destroy_spent(LATER, grace_period=GRACE),
}


@only_root
@pytest.mark.parametrize("change", CHANGES)
def test_another_user_than_the_owner_changes_nothing(tmp_path: Path, change: str) -> None:
    """Root could write, but the server could not read it."""
    folder = tmp_path / "keys"
    keys = KeysDirectory(folder)
    keys.ensure_first(key_size=2048, now=NOW)
    if change == "destroy":
        rotate(keys)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    os.chown(folder, NOBODY, -1)
    with pytest.raises(Problem, match=f"belongs to another user \\(uid {NOBODY}\\)"):
        CHANGES[change](keys)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_of_a_rotation_and_a_change_of_passphrase_at_once_every_key_opens_with_the_new_one(
    store: InStore, tmp_path: Path
) -> None:
    """Each is decided on what the other replaces meanwhile."""
    old = passphrase_in(tmp_path / "old")
    new = passphrase_in(tmp_path / "new", "another passphrase")
    StoredKeys(store.keyset(), passphrase_file=old).ensure_first(key_size=2048, now=NOW)

    class Interrupted(StoredKeyset):
        """A rotation is made between the reading and the replacing of the first attempt."""

        def replace(self, before: Contents, after: Contents) -> bool:
            if not rotated:
                rotated.append(rotate(StoredKeys(store.keyset(), passphrase_file=old)))
            return super().replace(before, after)

    rotated: list[object] = []
    keyset = Interrupted(store.opener())
    StoredKeys(keyset, passphrase_file=old).change_passphrase(new)
    keys = StoredKeys(store.keyset(), passphrase_file=new)
    assert len(opened(keys, DUE)) == len(keys.load().keys) == 3


def test_a_change_is_refused_if_the_keyset_was_replaced_since_it_was_read(
    store: InStore, tmp_path: Path
) -> None:
    """Also where only private keys change."""
    passphrase_file = passphrase_in(tmp_path / "passphrase")
    keys = StoredKeys(store.keyset(), passphrase_file=passphrase_file)
    keys.ensure_first(key_size=2048, now=NOW)
    before = store.texts()
    rotate(keys)
    (name, *_) = (name for name in before if name.endswith(".pem"))
    assert not store.keyset().replace(before, {**before, name: b"of another passphrase"})
    assert store.texts()[name] == before[name]


@pytest.mark.parametrize("asked", ["rotate", "load", "destroy"])
def test_what_is_decided_on_was_read_durably(store: InStore, tmp_path: Path, asked: str) -> None:
    """Also where nothing changes: what is reported as done must be on disk."""
    passphrase_file = passphrase_in(tmp_path / "passphrase")
    StoredKeys(store.keyset(), passphrase_file=passphrase_file).ensure_first(
        key_size=2048, now=NOW
    )

    class Recording(StoredKeyset):
        def read(self, *, durably: bool) -> Contents:
            reads.append(durably)
            return super().read(durably=durably)

    reads: list[bool] = []
    keys = StoredKeys(Recording(store.opener()), passphrase_file=passphrase_file)
    not_due = partial(rotation.rotate, policy=POLICY)
    if asked == "rotate":
        outcome = keys.change(not_due, key_size=2048, clock=lambda: NOW, grace_period=GRACE)
        assert not outcome.is_change
    elif asked == "load":
        keys.load()
    else:
        assert keys.destroy_spent(NOW, grace_period=GRACE) == ()
    assert reads
    assert all(reads)
