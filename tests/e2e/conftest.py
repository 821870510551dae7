"""Whole servers on sockets: one for all tests that leave it as it was, others of their own."""

import shutil
import subprocess
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


@pytest.fixture(scope="session")
def jose_if_possible(tmp_path_factory: pytest.TempPathFactory) -> Path | None:
    """The npm package, where there is a Node.js to run it."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        return None
    folder = tmp_path_factory.mktemp("jose")
    (folder / "package.json").write_text('{"type": "module"}')
    options = ("--no-audit", "--no-fund", "--loglevel=error", "--fetch-retries=0")
    try:
        subprocess.run(
            [npm, "install", *options, "jose@6"],
            cwd=folder,
            check=True,
            capture_output=True,
            timeout=60,
        )
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
        return None
    return folder


@pytest.fixture
def jose(jose_if_possible: Path | None) -> Path:
    if jose_if_possible is None:
        pytest.skip("no Node.js here, or no npm registry: jose is not tried")
    return jose_if_possible
