"""Whole servers on sockets: one for all tests that leave it as it was, others of their own."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import httpx
import pytest
from support.clientele import Clientele, running_clientele
from support.outside_programs import OutsidePrograms
from support.protected_resource import ProtectedResource, protected_resource
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


NODE_PACKAGES = (
    *("jose@6", "oauth4webapi@3", "openid-client@6"),
    *("@modelcontextprotocol/sdk@1", "oidc-client-ts@3", "simple-oauth2@5"),
)
PYTHON_PACKAGES = ("mcp>=2.3,<3",)


@pytest.fixture(scope="session")
def outside(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> OutsidePrograms:
    of_this_run = tmp_path_factory.getbasetemp()
    return OutsidePrograms(of_this_run if worker_id == "master" else of_this_run.parent)


@pytest.fixture(scope="session")
def node_packages_if_possible(
    outside: OutsidePrograms, tmp_path_factory: pytest.TempPathFactory
) -> Path | str:
    """Where npm has put them; or why there are none."""
    installed = outside.from_npm(*NODE_PACKAGES)
    if isinstance(installed, str):
        return installed
    # Programs are put beside their packages, which stay as they were installed.
    folder = tmp_path_factory.mktemp("node")
    (folder / "package.json").write_text('{"type": "module"}')
    (folder / "node_modules").symlink_to(installed / "node_modules")
    return folder


@pytest.fixture
def mcp_of_python(outside: OutsidePrograms) -> Path:
    installed = outside.from_pypi(*PYTHON_PACKAGES)
    if isinstance(installed, str):
        pytest.skip(f"{installed}: the Python SDK of MCP not tried")
    return installed


@pytest.fixture
def mcp_server(clientele: Clientele) -> Iterator[ProtectedResource]:
    """An MCP server, as far as a client that authorizes itself sees one."""
    with protected_resource(clientele.registered.mcp_server, clientele.url) as resource:
        yield resource


@pytest.fixture(scope="session")
def jose_if_possible(node_packages_if_possible: Path | str) -> Path | None:
    packages = node_packages_if_possible
    return packages if isinstance(packages, Path) else None


@pytest.fixture
def node_packages(node_packages_if_possible: Path | str) -> Path:
    if isinstance(node_packages_if_possible, str):
        pytest.skip(f"{node_packages_if_possible}: {', '.join(NODE_PACKAGES)} not tried")
    return node_packages_if_possible


@pytest.fixture
def jose(node_packages: Path) -> Path:
    return node_packages
