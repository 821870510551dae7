"""Whole servers on sockets: one for all tests that leave it as it was, others of their own."""

import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import httpx
import pytest
from support.clientele import Clientele, running_clientele
from support.server import Server, running_server


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Two workers, embedded store, first keys, and a trusted proxy at 127.0.0.2."""
    folder = tmp_path_factory.mktemp("server")
    with running_server(folder, TRUSTED_PROXIES="127.0.0.2") as running:
        yield running


@pytest.fixture(scope="session")
def clientele(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clientele]:
    """A server with registered clients, at the address that its tokens name as their issuer."""
    with running_clientele(tmp_path_factory.mktemp("clientele")) as running:
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


NODE_PACKAGES = ("jose@6", "oauth4webapi@3", "openid-client@6")


@pytest.fixture(scope="session")
def node_packages_if_possible(tmp_path_factory: pytest.TempPathFactory) -> Path | str:
    """Where npm has put them; or why there are none."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        return "no Node.js on this machine"
    folder = tmp_path_factory.mktemp("node")
    (folder / "package.json").write_text('{"type": "module"}')
    options = ("--no-audit", "--no-fund", "--loglevel=error", "--fetch-retries=0")
    try:
        subprocess.run(
            [npm, "install", *options, *NODE_PACKAGES],
            cwd=folder,
            check=True,
            capture_output=True,
            timeout=60,
        )
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
        return "npm cannot install from its registry"
    return folder


@pytest.fixture(scope="session")
def jose_if_possible(node_packages_if_possible: Path | str) -> Path | None:
    packages = node_packages_if_possible
    return packages if isinstance(packages, Path) else None


@pytest.fixture
def node_packages(node_packages_if_possible: Path | str) -> Path:
    if isinstance(node_packages_if_possible, str):
        pytest.skip(f"{node_packages_if_possible}: jose, oauth4webapi, openid-client not tried")
    return node_packages_if_possible


@pytest.fixture
def jose(node_packages: Path) -> Path:
    return node_packages
