"""On SIGHUP a server looks at once at everything that it follows, and not at the next interval."""

import asyncio
import hashlib
import os
import signal
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from support.operators import Operator
from support.worlds import World

from token_server.accounts.clients import live
from token_server.signing import reload

pytestmark = pytest.mark.anyio
CLIENT = """
[[clients]]
client_id = "{0}"
token_endpoint_auth_method = "client_secret_basic"
client_secret_sha256 = ["{1}"]
"""
SECRET = "correct horse"
SHA256 = hashlib.sha256(SECRET.encode()).hexdigest()


@pytest.fixture
def overrides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    for module, name in ((live, "LOOKS_EVERY"), (reload, "LONGEST_INTERVAL")):
        monkeypatch.setattr(module, name, timedelta(hours=1))
    (tmp_path / "clients.toml").write_text(CLIENT.format("portal", SHA256))
    return {"CLIENTS_FILE": str(tmp_path / "clients.toml")}


async def test_a_change_of_the_keyset_is_followed_on_sighup(world: World, keys: Operator) -> None:
    before = keys.active
    world.clock.move(hours=1)
    await keys.rotate()
    assert keys.active != before


async def test_a_change_of_the_clients_file_is_followed_on_sighup(
    world: World, tmp_path: Path
) -> None:
    assert await _status(world, "portal") == 200
    assert await _status(world, "another") == 401
    (tmp_path / "clients.toml").write_text(CLIENT.format("another", SHA256))
    os.kill(os.getpid(), signal.SIGHUP)
    async with asyncio.timeout(10):
        while await _status(world, "another") != 200:  # noqa: ASYNC110 - no event tells
            await asyncio.sleep(0.01)
    assert await _status(world, "portal") == 401


async def _status(world: World, client_id: str) -> int:
    answer = await world.client.post(
        "/api/oauth2/introspect", data={"token": "x"}, auth=httpx.BasicAuth(client_id, SECRET)
    )
    return answer.status_code
