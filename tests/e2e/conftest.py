"""Whole servers on sockets: one for all tests that leave it as it was, others of their own."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import httpx
import pytest
from support.server import Server, running_server


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Two workers, embedded store, first keys: as `make run` starts it."""
    with running_server(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture
def own_server(tmp_path: Path) -> Callable[..., AbstractContextManager[Server]]:
    """Start a server that the test may break."""

    def start(**settings: str) -> AbstractContextManager[Server]:
        return running_server(tmp_path, **settings)

    return start


@pytest.fixture
def client(server: Server) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, timeout=30) as client:
        yield client
