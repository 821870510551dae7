"""The whole app in this process, on a real store with real keys, by a clock that tests move."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from redis.asyncio import Redis
from support.moments import MovableClock
from support.operators import Operator
from support.worlds import World

from token_server.app.keys import keys_keeper
from token_server.app.memory import meet_store
from token_server.app.server import open_app
from token_server.settings import load_settings
from token_server.signing.keystore import KeysDirectory
from token_server.system import system_clock


@pytest.fixture(scope="session")
def first_keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("keyset") / "keys"
    keys_keeper(load_settings({"TOKEN_SERVER_KEYS_DIR": str(folder)})).ensure_first(
        key_size=2048, now=system_clock()
    )
    return folder


@pytest.fixture
def keys_dir(first_keys: Path, tmp_path: Path) -> Path:
    """Of the test's own: it may change the keyset."""
    return Path(shutil.copytree(first_keys, tmp_path / "keys"))


@pytest.fixture
def overrides() -> dict[str, str]:
    """Settings of a test; parametrize it to change them."""
    return {}


@pytest.fixture
async def world(
    redis: Redis, store_socket: Path, keys_dir: Path, overrides: dict[str, str]
) -> AsyncIterator[World]:
    await redis.flushall()
    settings = load_settings(
        {
            "TOKEN_SERVER_STORE_URL": f"unix://{store_socket}",
            "TOKEN_SERVER_KEYS_DIR": str(keys_dir),
            **{f"TOKEN_SERVER_{name}": value for name, value in overrides.items()},
        }
    )
    clock = MovableClock()
    briefing = await meet_store(settings)
    async with open_app(settings, briefing.to_bytes(), clock=clock) as app:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://server") as client:
            yield World(client, clock, settings, redis)


@pytest.fixture
def keys(world: World, keys_dir: Path) -> Operator:
    """Whoever changes the keyset of this world."""
    return Operator(world, KeysDirectory(keys_dir), keys_dir)
