"""What every test may ask for: a real Valkey, dice, and an environment without settings."""

import os
import secrets
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from random import Random

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from redis.asyncio import Redis
from support import profiles
from support.certificates import certificate
from support.lanes import LIBRARY, PLAN

from token_server.signing import crypto_mb, rs512
from token_server.signing.blinded_lanes import Eight, Four
from token_server.store.connect import connect
from token_server.store.embedded import EmbeddedStore

profiles.register()


def pytest_xdist_auto_num_workers() -> int:
    """One more than there are cores: many tests wait for processes, and the core need not."""
    return (os.cpu_count() or 1) + 1


@pytest.fixture(scope="session")
def chaos(pytestconfig: pytest.Config) -> bool:
    """Whether the long profile is asked for."""
    return bool(pytestconfig.getoption("--hypothesis-profile") == "long")


@pytest.fixture
def one_plan(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys are used by the same plan wherever this runs, whatever costs least there."""
    monkeypatch.setattr(rs512, "_plans", {(Eight, Four): PLAN})


@pytest.fixture
def has_lanes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys sign several messages at once on every machine."""
    monkeypatch.setattr(crypto_mb, "find", lambda _: LIBRARY)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session", autouse=True)
def _no_settings_of_the_developers_own() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as environment:
        for name in os.environ:
            if name.startswith("TOKEN_SERVER"):
                environment.delenv(name)
        yield


@pytest.fixture(scope="session", autouse=True)
def _bytecode_of_the_processes_that_tests_start(
    tmp_path_factory: pytest.TempPathFactory, worker_id: str
) -> Iterator[None]:
    """Where none may be written to the checkout, a hundred processes would compile it anew."""
    of_this_run = tmp_path_factory.getbasetemp()
    if worker_id != "master":
        # Those of one run share it: it is 3 s of work.
        of_this_run = of_this_run.parent
    with pytest.MonkeyPatch.context() as environment:
        if sys.dont_write_bytecode:
            environment.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
            environment.setenv("PYTHONPYCACHEPREFIX", str(of_this_run / "bytecode"))
        yield


@pytest.fixture(scope="session", autouse=True)
def _no_authorities_of_the_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No test asks the world, and every HTTP client would read all of them first: 20 ms."""
    ours = tmp_path_factory.mktemp("authorities") / "ours.pem"
    ours.write_bytes(certificate(0).public_bytes(Encoding.PEM))
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("SSL_CERT_FILE", str(ours))
        yield


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


@pytest.fixture
def dice(pytestconfig: pytest.Config) -> Random:
    """Fall otherwise in each run; a failure shows how to make them fall the same again."""
    seed = pytestconfig.getoption("--hypothesis-seed") or secrets.randbits(32)
    sys.stdout.write(f"the dice of this test: --hypothesis-seed={seed}\n")
    return Random(str(seed))
