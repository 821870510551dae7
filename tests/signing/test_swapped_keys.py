"""A private key that stands under another key's name in the store signs nothing."""

from functools import partial
from pathlib import Path

import pytest
from redis.asyncio import Redis
from support.keepers import InStore, passphrase_in
from support.keys import NOW

from token_server.problems import Problem
from token_server.signing.stored_keys import StoredKeys
from token_server.store import names


async def _put(name: str, text: bytes, client: Redis) -> None:
    await client.hset(names.KEYSET, name, text)


def test_two_private_keys_that_were_swapped_in_the_store_are_a_problem(
    store_socket: Path, tmp_path: Path
) -> None:
    store = InStore(store_socket)
    store.ask(lambda client: client.flushall())
    keys = StoredKeys(store.keyset(), passphrase_file=passphrase_in(tmp_path / "passphrase"))
    keys.ensure_first(key_size=2048, now=NOW)
    (one, first), (other, second) = (
        (name, text) for name, text in store.texts().items() if name.endswith(".pem")
    )
    for name, text in ((one, second), (other, first)):
        store.ask(partial(_put, name, text))
    for key in keys.load().keys:
        with pytest.raises(Problem, match="is another key than its name says"):
            keys.private_key(key)
