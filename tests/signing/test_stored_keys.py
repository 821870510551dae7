"""Keys in the store: never plain, never of another store, and never first keys twice."""

import asyncio
import json
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from support.keepers import InStore, passphrase_in
from support.keys import GRACE, NOW, opened
from support.killed_changes import POLICY
from support.reloading import follow_keeper
from support.valkey import running_valkey

from token_server.problems import Problem
from token_server.signing import rotation
from token_server.signing.stored_keys import KeysetStore, StoredKeys
from token_server.store import names
from token_server.store.connect import connect
from token_server.store.engine import Engine, Script
from token_server.store.memory import load_secret
from token_server.tokens.model import Kid

DUE = NOW + timedelta(days=90)
USED = "the store has been in use, and holds no keyset"
FOREIGN = "the store is not the one that this server started with, or it was emptied"


@pytest.fixture
def store(store_socket: Path) -> InStore:
    """An empty one."""
    store = InStore(store_socket)
    store.ask(lambda client: client.flushall())
    return store


@pytest.fixture
def passphrase_file(tmp_path: Path) -> Path:
    return passphrase_in(tmp_path / "passphrase")


@pytest.fixture
def keys(store: InStore, passphrase_file: Path) -> StoredKeys:
    return begun(store.keyset(), passphrase_file)


def begun(keyset: KeysetStore, passphrase_file: Path) -> StoredKeys:
    keys = StoredKeys(keyset, passphrase_file=passphrase_file)
    keys.ensure_first(key_size=2048, now=NOW)
    return keys


def secret_of(store: InStore) -> bytes:
    """Made if there is none."""
    secret: bytes = store.ask(lambda client: load_secret(Engine(client, waits_for_fsync=False)))
    return secret


def rotate(keys: StoredKeys) -> object:
    command = partial(rotation.rotate, policy=POLICY)
    return keys.change(command, key_size=2048, clock=lambda: DUE, grace_period=GRACE)


def test_without_a_passphrase_there_are_no_keys_in_the_store(
    store: InStore, keys: StoredKeys
) -> None:
    with pytest.raises(Problem, match="always encrypted"):
        StoredKeys(store.keyset(), passphrase_file=None)
    before = store.texts()
    with pytest.raises(Problem, match="always encrypted"):
        keys.change_passphrase(None)
    assert store.texts() == before


def test_a_store_that_was_in_use_gets_no_first_keyset_but_by_a_command(
    store: InStore, passphrase_file: Path
) -> None:
    secret_of(store)
    with pytest.raises(Problem, match=USED) as caught:
        begun(store.keyset(), passphrase_file)
    assert "keys init" in str(caught.value.hint)
    assert store.texts() == {}
    assert len(opened(begun(store.keyset(meant=True), passphrase_file))) == 2


def test_a_server_finds_out_that_its_store_was_emptied_and_nobody_takes_it_for_new(
    store: InStore, keys: StoredKeys, passphrase_file: Path
) -> None:
    server = StoredKeys(store.keyset(secret=secret_of(store)), passphrase_file=passphrase_file)
    assert server.load() == keys.load()
    store.ask(lambda client: client.flushall())
    with pytest.raises(Problem, match=FOREIGN):
        server.text()
    with pytest.raises(Problem, match=USED):
        begun(store.keyset(), passphrase_file)
    begun(store.keyset(meant=True), passphrase_file)
    with pytest.raises(Problem, match=FOREIGN):
        server.load()


def test_a_server_neither_reads_nor_changes_the_keyset_of_another_store(
    store: InStore, keys: StoredKeys, passphrase_file: Path
) -> None:
    secret_of(store)
    before = store.texts()
    kept = store.keyset(secret=b"of another store")
    server = StoredKeys(kept, passphrase_file=passphrase_file)
    for asked in (server.text, server.load, partial(rotate, server)):
        with pytest.raises(Problem, match=FOREIGN):
            asked()
    with pytest.raises(Problem, match=FOREIGN):
        kept.replace(before, before | {"keyset.json": b"{}"})
    assert store.texts() == before
    assert keys.text() == before["keyset.json"]


def test_a_call_whose_answer_was_lost_is_recognised_when_it_is_repeated(store: InStore) -> None:
    """The client repeats what it does not know to have arrived."""

    def repeated(name: str, *arguments: str | int) -> list[bytes]:
        def once() -> bytes:
            return bytes(
                store.ask(
                    lambda client: Engine(client, waits_for_fsync=False).run(
                        Script(name), [names.SECRET, names.KEYSET], arguments
                    )
                )
            )

        return [once(), once()]

    begin = ("keyset_begin", "first", 0, "keyset.json", "a")
    assert repeated(*begin) == [b"made", b"made"]
    assert repeated("keyset_begin", "second", 0, "keyset.json", "b") == [b"there", b"there"]
    replace = ("keyset_replace", "", "third", "keyset.json", "a", "b", "k.pem", "", "secret")
    assert repeated(*replace) == [b"done", b"done"]
    assert store.texts() == {"keyset.json": b"b", "k.pem": b"secret"}
    stale = ("keyset_replace", "", "fourth", "keyset.json", "b", "c", "k.pem", "other", "")
    assert repeated(*stale) == [b"changed", b"changed"]
    assert store.texts() == {"keyset.json": b"b", "k.pem": b"secret"}


def test_what_is_not_on_disk_is_not_told_as_done(tmp_path: Path, passphrase_file: Path) -> None:
    with running_valkey(tmp_path, "--appendonly", "yes", "--appendfsync", "no") as socket:
        keys = StoredKeys(
            InStore(socket, waits_for_fsync=True).keyset(), passphrase_file=passphrase_file
        )
        with pytest.raises(Problem, match="the keyset in the store cannot be used"):
            keys.ensure_first(key_size=2048, now=NOW)


def test_a_store_that_is_away_is_a_problem(tmp_path: Path, passphrase_file: Path) -> None:
    away = InStore(tmp_path / "away")
    with pytest.raises(Problem, match="the keyset in the store cannot be used") as caught:
        begun(away.keyset(), passphrase_file)
    assert caught.value.hint == "check STORE_URL"


async def followed(store: InStore, passphrase_file: Path) -> None:
    """The life of a server whose store is changed, emptied, and put back."""
    async with connect(f"unix://{store.socket}") as client:
        secret = await load_secret(Engine(client, waits_for_fsync=False))
        operator = StoredKeys(store.keyset(), passphrase_file=passphrase_file)
        server = await follow_keeper(
            StoredKeys(store.keyset(secret=secret), passphrase_file=passphrase_file), client
        )
        first = server.signing
        await asyncio.to_thread(rotate, operator)
        server.clock.now = DUE
        assert await server.said() == []
        second, published = server.signing, server.published
        assert (len(published), second) == (3, published[1])
        kept = await client.dump(names.KEYSET), await client.dump(names.SECRET)
        await client.flushall()
        (alarm,) = await server.said()
        assert alarm["problem"] == FOREIGN
        assert (server.signing, server.published) == (second, published)
        await client.flushall()
        for name, value in zip((names.KEYSET, names.SECRET), kept, strict=True):
            await client.restore(name, 0, value or b"")
        (line,) = await server.said()
        assert line["log_level"] == "info"
        server.clock.now = DUE + timedelta(days=1)
        await server.look_and_tidy_up()
        assert server.published == published
        assert destroyed_by(server.audit_lines.getvalue()) == [first]
        keyset = await asyncio.to_thread(operator.load)
        assert keyset.keys[0].drops_at is not None


def destroyed_by(lines: str) -> list[Kid]:
    facts = map(json.loads, lines.splitlines())
    return [fact["kid"] for fact in facts if fact["event"] == "key_destroyed"]


@pytest.mark.usefixtures("keys")
def test_a_running_server_follows_the_store_and_keeps_what_it_has_when_that_is_emptied(
    store: InStore, passphrase_file: Path
) -> None:
    asyncio.run(followed(store, passphrase_file))
