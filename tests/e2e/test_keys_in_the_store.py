"""Servers that share nothing but the store, its keyset included."""

import os
import signal
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
from redis.asyncio import Redis
from support.keepers import passphrase_in
from support.processes import PATIENCE, wait_until
from support.server import Server

from token_server.store import names

pytestmark = pytest.mark.anyio


def published_by(server: Server) -> list[str]:
    answer = httpx.get(f"{server.url}/.well-known/jwks.json", timeout=PATIENCE)
    return [key["kid"] for key in answer.json()["keys"]]


def node(folder: Path, store_socket: Path) -> Server:
    folder.mkdir()
    passphrase_in(folder / "passphrase")
    settings = {"STORE_URL": f"unix://{store_socket}", "WORKERS": "1", "KEYS_DIR": ""}
    settings |= {"KEYS_URL": "store:", "KEYS_PASSPHRASE_FILE": f"{folder}/passphrase"}
    return Server(folder, settings)


@pytest.mark.timeout(240)
async def test_servers_that_start_at_once_share_one_keyset_and_outlive_its_loss(
    redis: Redis, store_socket: Path, tmp_path: Path
) -> None:
    nodes = [node(tmp_path / name, store_socket) for name in ("a", "b", "c")]
    with ExitStack() as running:
        for each in nodes:
            each.start(wait=False)
            running.callback(each.stop)
        for each in nodes:
            # Each derives its keys from the passphrase, which is slow on purpose.
            wait_until(each.serves, seconds=3 * PATIENCE)
        first, second = published_by(nodes[0])
        made = [line["kid"] for each in nodes for line in each.audit()]
        assert made == [first, second]
        nodes[0].cli("keys", "revoke", first)
        tell(nodes)
        wait_until(lambda: all(first not in published_by(each) for each in nodes))
        published = published_by(nodes[0])
        assert published[0] == second
        await redis.flushall()
        tell(nodes)
        wait_until(lambda: all("emptied" in each.err for each in nodes))
        assert await redis.hkeys(names.KEYSET) == [b"emptied"]
        assert [published_by(each) for each in nodes] == [published] * 3
        late = node(tmp_path / "late", store_socket).run("serve")
        assert late.returncode == 1
        assert "the store has been in use, and holds no keyset" in late.stderr


def tell(nodes: list[Server]) -> None:
    """Look at the keys now."""
    for each in nodes:
        assert each.process is not None
        os.kill(each.process.pid, signal.SIGHUP)
