"""What every test may ask for: a real Valkey, and clocks and ids that are handed in."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from redis.asyncio import Redis

from token_server.store.connect import connect
from token_server.store.embedded import EmbeddedStore

# `make test` runs the short profile, `make chaos` the long one.
_SLOW_STORE = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
settings.register_profile(
    "short",
    max_examples=40,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=_SLOW_STORE,
)
settings.register_profile(
    "long",
    max_examples=300,
    stateful_step_count=60,
    deadline=None,
    suppress_health_check=_SLOW_STORE,
)
settings.load_profile("short")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def store_socket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The store that `make run` starts, for this test run alone."""
    with EmbeddedStore(tmp_path_factory.mktemp("valkey")) as store:
        yield store.socket_path


@pytest.fixture
async def redis(store_socket: Path) -> AsyncIterator[Redis]:
    """A client of an empty store."""
    client = connect(f"unix://{store_socket}")
    await client.flushall()
    yield client
    await client.aclose()
