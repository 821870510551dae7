"""What servers and commands may rely on wherever the keys lie: in a directory, or in the store."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TypeVar

import pytest
from support.keepers import PASSPHRASE, Folder, InStore, Place, passphrase_in
from support.keys import GRACE, NOW, opened, private_key
from support.killed_changes import POLICY

from token_server.problems import Problem
from token_server.signing import rotation
from token_server.signing.keeper import Changed, Command, KeysKeeper, NoKeyset
from token_server.signing.lifecycle import state
from token_server.signing.outcomes import AlreadyHeld
from token_server.signing.rotation import Role
from token_server.signing.rsa_keys import KeyPair, public_part
from token_server.tokens.model import LEEWAY, Kid

T = TypeVar("T")
DUE = NOW + timedelta(days=90)
TICK = timedelta(microseconds=1)
# A private key, or the keyset in the store.
CANNOT_OPEN = "cannot be (opened|verified) with the passphrase in "


@pytest.fixture(params=["directory", "store"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    if request.param == "directory":
        return Folder(tmp_path / "keys")
    in_store = InStore(request.getfixturevalue("store_socket"))
    in_store.ask(lambda client: client.flushall())
    return in_store


@pytest.fixture
def passphrase_file(tmp_path: Path) -> Path:
    return passphrase_in(tmp_path / "passphrase")


@pytest.fixture
def another_passphrase(tmp_path: Path) -> Path:
    return passphrase_in(tmp_path / "another", "another passphrase")


@pytest.fixture
def keys(place: Place, passphrase_file: Path) -> KeysKeeper:
    """With a first keyset."""
    keys = place.keeper(passphrase_file)
    keys.ensure_first(key_size=2048, now=NOW)
    return keys


def change(
    keys: KeysKeeper, command: Command[T], *, at: datetime = DUE, imported: KeyPair | None = None
) -> Changed[T]:
    return keys.change(
        command, key_size=2048, clock=lambda: at, grace_period=GRACE, imported=imported
    )


rotate = partial(rotation.rotate, policy=POLICY)


def states(keys: KeysKeeper, now: datetime = DUE) -> str:
    keyset = keys.load()
    return " ".join(state(keyset, key, now) for key in keyset.keys)


def at_once(work: Callable[[int], T], times: int) -> list[T]:
    with ThreadPoolExecutor(times) as threads:
        return list(threads.map(work, range(times)))


def private_keys_in(place: Place) -> set[str]:
    return {name.removesuffix(".pem") for name in place.texts() if name.endswith(".pem")}


def test_no_keyset_yet_is_a_problem_that_says_what_to_do(
    place: Place, passphrase_file: Path
) -> None:
    keys = place.keeper(passphrase_file)
    for asked in (keys.text, keys.load, partial(change, keys, rotate)):
        with pytest.raises(NoKeyset) as caught:
            asked()
        assert caught.value.hint == '"token-server keys init" makes the first keyset'


def test_of_many_that_start_at_once_one_makes_the_first_keyset(
    place: Place, passphrase_file: Path
) -> None:
    def start(_: int) -> tuple[Kid, ...]:
        return place.keeper(passphrase_file).ensure_first(key_size=2048, now=NOW)

    (made,) = filter(None, at_once(start, 5))
    keys = place.keeper(passphrase_file)
    assert [key.kid for key in keys.load().keys] == list(made)
    assert states(keys, NOW) == "active pending"
    assert set(opened(keys)) == set(made) == private_keys_in(place)


def test_private_keys_lie_there_encrypted(place: Place, keys: KeysKeeper) -> None:
    texts = place.texts()
    assert texts["keyset.json"] == keys.text()
    for kid in opened(keys):
        assert b"ENCRYPTED" in texts[f"{kid}.pem"]


def test_of_many_that_rotate_at_once_one_rotates(
    place: Place, keys: KeysKeeper, passphrase_file: Path
) -> None:
    changed = at_once(lambda _: change(place.keeper(passphrase_file), rotate), 4)
    outcomes = sorted(type(each.outcome).__name__ for each in changed)
    assert outcomes == ["NotDue"] * 3 + ["Rotated"]
    assert states(keys) == "retiring active pending"
    assert len([each for each in changed if each.announced]) == 1
    assert len(opened(keys, DUE)) == len(private_keys_in(place)) == 3


def test_changes_that_meet_are_all_made(
    place: Place, keys: KeysKeeper, passphrase_file: Path
) -> None:
    def take_in(number: int) -> Changed[object]:
        private = private_key(number)
        pair = KeyPair(public=public_part(private), private=private)
        return change(
            place.keeper(passphrase_file),
            lambda keyset, now: rotation.admit(keyset, pair.public, Role.PENDING, now, POLICY),
            imported=pair,
        )

    assert all(each.is_change for each in at_once(take_in, 4))
    assert states(keys) == "active" + 5 * " pending"
    assert len(opened(keys, DUE)) == len(private_keys_in(place)) == 6


def test_a_key_that_is_there_is_not_taken_in_again(keys: KeysKeeper) -> None:
    held = opened(keys)[keys.load().keys[0].kid]
    pair = KeyPair(public=public_part(held), private=held)
    before = keys.text()
    changed = change(
        keys,
        lambda keyset, now: rotation.admit(keyset, pair.public, Role.PENDING, now, POLICY),
        imported=pair,
    )
    assert isinstance(changed.outcome, AlreadyHeld)
    assert (changed.is_change, keys.text()) == (False, before)


def test_a_revoked_key_is_destroyed_with_the_change(place: Place, keys: KeysKeeper) -> None:
    kid = keys.load().keys[0].kid
    changed = change(keys, lambda keyset, now: rotation.revoke(keyset, kid, now, POLICY))
    assert changed.destroyed == (kid,)
    assert states(keys) == "revoked active pending"
    assert kid not in private_keys_in(place)
    assert private_keys_in(place) == set(opened(keys, DUE))


def test_a_key_that_has_stopped_is_destroyed_once_and_when_nobody_needs_it(
    place: Place, keys: KeysKeeper, passphrase_file: Path
) -> None:
    kid = keys.load().keys[0].kid
    change(keys, rotate)
    end = DUE + GRACE + LEEWAY
    assert keys.destroy_spent(end - TICK, grace_period=GRACE) == ()
    assert kid in private_keys_in(place)

    def destroy(_: int) -> tuple[Kid, ...]:
        return place.keeper(passphrase_file).destroy_spent(end, grace_period=GRACE)

    assert sorted(at_once(destroy, 4)) == [(), (), (), (kid,)]
    assert private_keys_in(place) == set(opened(keys, end))


def test_a_change_of_passphrase_is_one_for_every_key(
    place: Place, keys: KeysKeeper, passphrase_file: Path, another_passphrase: Path
) -> None:
    kids = [key.kid for key in keys.load().keys]
    assert list(keys.change_passphrase(another_passphrase)) == kids
    assert set(opened(place.keeper(another_passphrase))) == set(kids)
    with pytest.raises(Problem, match=CANNOT_OPEN + str(passphrase_file)):
        opened(keys)
    # It is not known to everybody that it was done.
    assert list(keys.change_passphrase(another_passphrase)) == kids


def test_a_wrong_passphrase_says_so_and_changes_nothing(
    place: Place, keys: KeysKeeper, another_passphrase: Path, tmp_path: Path
) -> None:
    before, first = place.texts(), keys.load().keys[0]
    wrong = place.keeper(another_passphrase)
    assert wrong.ensure_first(key_size=2048, now=NOW) == ()
    attempts: list[Callable[[], object]] = [
        lambda: wrong.private_key(first),
        lambda: change(wrong, rotate),
        lambda: wrong.change_passphrase(passphrase_in(tmp_path / "third", "a third passphrase")),
    ]
    for attempt in attempts:
        with pytest.raises(Problem, match=CANNOT_OPEN) as caught:
            attempt()
        assert PASSPHRASE not in f"{caught.value.text} {caught.value.hint}"
    assert place.texts() == before


@pytest.mark.parametrize("text", [b"{", b"\xff", b'{"version":2,"keys":[]}'])
def test_a_keyset_that_is_no_good_is_a_problem_and_is_never_replaced(
    place: Place, passphrase_file: Path, text: bytes
) -> None:
    place.put(text)
    keys = place.keeper(passphrase_file)
    for asked in (keys.load, partial(change, keys, rotate)):
        with pytest.raises(Problem, match=r"is no good|is not authenticated"):
            asked()
    assert keys.ensure_first(key_size=2048, now=NOW) == ()
    assert place.texts() == {"keyset.json": text}


def test_a_missing_private_key_is_a_problem(
    keys: KeysKeeper, place: Place, passphrase_file: Path
) -> None:
    key = keys.load().keys[0]
    change(keys, lambda keyset, now: rotation.revoke(keyset, key.kid, now, POLICY))
    with pytest.raises(Problem, match=rf"{key.kid}\.pem.* is missing"):
        place.keeper(passphrase_file).private_key(key)
