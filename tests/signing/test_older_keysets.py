"""A keyset that is older than one that was seen, or that takes back a revocation, is refused."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from redis.asyncio import Redis
from support.keepers import Folder, InStore, Place, passphrase_in
from support.keys import GRACE, NOW, public_key, rotated_keyset
from support.killed_changes import DUE, POLICY
from support.reloading import Follower, follow_keeper

from token_server.problems import Problem
from token_server.signing import keyset_file, rotation
from token_server.signing.keeper import KeysKeeper
from token_server.signing.keyset_guard import KeysetGuard, RefusedKeyset
from token_server.store.connect import connect
from token_server.store.engine import Engine
from token_server.store.keyset_history import StoredKeysetHistory
from token_server.tokens.keyset_history import KeysetHistory
from token_server.tokens.model import Kid

pytestmark = pytest.mark.anyio

NOT_AUTHENTICATED = "the keyset in the store is not authenticated"
CANNOT_VERIFY = "the keyset in the store cannot be verified with the passphrase"
UNDER_WAY = "the keyset cannot be followed; the last good one stays in force"


@pytest.fixture(params=["directory", "store"])
def place(request: pytest.FixtureRequest, tmp_path: Path, store_socket: Path) -> Place:
    in_store = InStore(store_socket)
    in_store.ask(lambda client: client.flushall())
    return Folder(tmp_path / "keys") if request.param == "directory" else in_store


@pytest.fixture
def store(store_socket: Path) -> InStore:
    store = InStore(store_socket)
    store.ask(lambda client: client.flushall())
    return store


@pytest.fixture
def passphrase_file(tmp_path: Path) -> Path:
    return passphrase_in(tmp_path / "passphrase")


def begun(place: Place, passphrase_file: Path) -> KeysKeeper:
    keys = place.keeper(passphrase_file)
    keys.ensure_first(key_size=2048, now=NOW)
    return keys


def rotate(keys: KeysKeeper) -> None:
    command = partial(rotation.rotate, policy=POLICY, at_once=True)
    keys.change(command, key_size=2048, clock=lambda: DUE, grace_period=GRACE)


def revoke(keys: KeysKeeper, kid: Kid) -> None:
    keys.change(
        lambda keyset, now: rotation.revoke(keyset, kid, now, POLICY),
        key_size=2048,
        clock=lambda: DUE,
        grace_period=GRACE,
    )


def followed(
    socket: Path, keeper: KeysKeeper, *steps: Callable[[Follower], object]
) -> list[list[dict[str, object]]]:
    """What a running server logs at its first look, and at the look after each step."""

    async def life() -> list[list[dict[str, object]]]:
        async with connect(f"unix://{socket}") as client:
            server = await follow_keeper(keeper, client, now=DUE)
            logged = [await server.said()]
            for step in steps:
                await asyncio.to_thread(step, server)
                logged.append(await server.said())
            return logged

    return asyncio.run(life())


def recorded(socket: Path) -> KeysetHistory:
    history: KeysetHistory = InStore(socket).ask(
        lambda client: StoredKeysetHistory(Engine(client, waits_for_fsync=False)).recorded()
    )
    return history


def test_every_change_raises_the_counter(place: Place, passphrase_file: Path) -> None:
    keys = begun(place, passphrase_file)
    assert keys.load().counter == 1
    rotate(keys)
    assert keys.load().counter == 2
    keys.destroy_spent(DUE, grace_period=GRACE)
    assert keys.load().counter == 2


def test_a_first_keyset_counts_on_from_what_was_seen_before(
    place: Place, passphrase_file: Path
) -> None:
    """Else the servers that have seen the one that was lost would refuse it."""
    keys = place.keeper(passphrase_file)
    keys.guard.learn(KeysetHistory(counter=7))
    keys.ensure_first(key_size=2048, now=NOW)
    assert keys.load().counter == 8


def test_a_running_server_refuses_an_older_keyset_and_says_so(
    place: Place, passphrase_file: Path, store_socket: Path
) -> None:
    operator = begun(place, passphrase_file)
    first, old = operator.load().keys[0].kid, place.texts()["keyset.json"]

    def put_back(server: Follower) -> None:
        assert first not in server.published
        place.put(old)

    _, changed, refused = followed(
        store_socket, place.keeper(passphrase_file), lambda _: revoke(operator, first), put_back
    )
    assert changed == []
    (line,) = refused
    assert (line["log_level"], line["event"]) == ("error", UNDER_WAY)
    assert f"takes back the revocation of {first}" in str(line["problem"])
    assert "keys accept" in str(line["hint"])


def test_a_lower_counter_is_refused_where_no_key_was_revoked(
    place: Place, passphrase_file: Path, store_socket: Path
) -> None:
    operator = begun(place, passphrase_file)
    old = place.texts()["keyset.json"]
    *_, refused = followed(
        store_socket,
        place.keeper(passphrase_file),
        lambda _: rotate(operator),
        lambda _: place.put(old),
    )
    (line,) = refused
    assert "older than one that was in use (counter 1, expected 2 or higher)" in str(
        line["problem"]
    )


def test_a_server_that_starts_refuses_what_another_has_seen_revoked(
    place: Place, passphrase_file: Path, store_socket: Path
) -> None:
    operator = begun(place, passphrase_file)
    first, old = operator.load().keys[0].kid, place.texts()["keyset.json"]
    revoke(operator, first)
    followed(store_socket, place.keeper(passphrase_file))
    history = recorded(store_socket)
    assert (history.counter, list(history.revoked)) == (2, [first])
    place.put(old)
    with pytest.raises(RefusedKeyset, match="takes back the revocation"):
        followed(store_socket, place.keeper(passphrase_file))


def test_no_change_is_made_to_an_older_keyset(place: Place, passphrase_file: Path) -> None:
    operator = begun(place, passphrase_file)
    old = place.texts()["keyset.json"]
    rotate(operator)
    place.put(old)
    for change in (rotate, lambda keys: keys.destroy_spent(DUE, grace_period=GRACE)):
        with pytest.raises(RefusedKeyset):
            change(operator)
    assert place.texts()["keyset.json"] == old


def test_a_revoked_key_that_was_forgotten_cannot_come_back() -> None:
    guard = KeysetGuard()
    guard.learn(KeysetHistory(counter=3, revoked={public_key(0).kid: NOW}))
    keyset = replace(rotated_keyset(), counter=9)
    with pytest.raises(RefusedKeyset, match="takes back"):
        guard.check(keyset, "keyset.json")
    guard.check(replace(keyset, keys=keyset.keys[1:]), "keyset.json")
    assert guard.seen.counter == 9


def test_a_key_that_was_revoked_and_forgotten_is_not_imported_again(
    place: Place, passphrase_file: Path
) -> None:
    keys = begun(place, passphrase_file)
    public = public_key(5)
    keys.guard.learn(KeysetHistory(revoked={public.kid: NOW}))
    before = place.texts()
    with pytest.raises(Problem, match=f"{public.kid} was revoked, and stays revoked"):
        keys.change(
            lambda keyset, now: rotation.admit(
                keyset, public, rotation.Role.VERIFY_ONLY, now, POLICY
            ),
            key_size=2048,
            clock=lambda: DUE,
            grace_period=GRACE,
        )
    assert place.texts() == before


def forged(text: bytes) -> bytes:
    """With a key of the attacker's own."""
    keyset = keyset_file.read(text.decode())
    step = rotation.admit(keyset, public_key(5), rotation.Role.VERIFY_ONLY, NOW, POLICY)
    return keyset_file.write(replace(step.keyset, counter=keyset.counter + 1)).encode()


def test_who_may_write_the_store_cannot_publish_a_key_or_strip_the_mac(
    store: InStore, passphrase_file: Path
) -> None:
    operator = begun(store, passphrase_file)
    genuine = store.texts()["keyset.json"]
    bare = forged(genuine)
    mac = genuine.splitlines()[-2]
    attempts = {
        bare: NOT_AUTHENTICATED,
        bare.removesuffix(b"\n}\n") + b",\n" + mac + b"\n}\n": CANNOT_VERIFY,
        keyset_file.write(operator.load()).encode(): NOT_AUTHENTICATED,
    }
    published: list[list[Kid]] = []

    def put(text: bytes, server: Follower) -> None:
        published.append(server.published)
        store.put(text)

    steps = [partial(put, text) for text in attempts]
    _, *refused = followed(store.socket, store.keeper(passphrase_file), *steps, steps[0])
    for (line, *_), problem in zip(refused, attempts.values(), strict=False):
        assert line["log_level"] == "error"
        assert problem in str(line["problem"])
    assert published == [published[0]] * 4
    for text, problem in attempts.items():
        store.put(text)
        for asked in (operator.load, partial(rotate, operator), begin_again(store, operator)):
            with pytest.raises(Problem, match=problem):
                asked()


def begin_again(store: InStore, keys: KeysKeeper) -> Callable[[], object]:
    """As a server that starts."""
    return lambda: followed(store.socket, keys)


def test_a_text_is_verified_before_it_is_parsed(store: InStore, passphrase_file: Path) -> None:
    keys = begun(store, passphrase_file)
    store.put(b"[" * 100_000)
    with pytest.raises(Problem, match=NOT_AUTHENTICATED):
        keys.load()


def test_after_a_change_of_passphrase_servers_keep_what_they_have_until_they_know_it(
    store: InStore, passphrase_file: Path, tmp_path: Path
) -> None:
    operator = begun(store, passphrase_file)
    other = passphrase_in(tmp_path / "other", "another passphrase")
    _, refused, over = followed(
        store.socket,
        store.keeper(passphrase_file),
        lambda _: operator.change_passphrase(other),
        lambda _: other.replace(passphrase_file),
    )
    assert CANNOT_VERIFY in str(refused[0]["problem"])
    assert [line["log_level"] for line in over] == ["info"]


async def test_the_recorded_history_only_grows(redis: Redis) -> None:
    histories = StoredKeysetHistory(Engine(redis, waits_for_fsync=False))
    assert await histories.recorded() == KeysetHistory()
    a, b = Kid("a"), Kid("counter")
    await histories.record(KeysetHistory(counter=7, revoked={a: NOW}))
    await histories.record(KeysetHistory(counter=3, revoked={a: DUE, b: DUE}))
    assert await histories.recorded() == KeysetHistory(counter=7, revoked={a: NOW, b: DUE})
