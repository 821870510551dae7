"""docs/operations.md, tried as a new operator would: every command of it is run."""

import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from cryptography.hazmat.primitives.serialization.pkcs12 import serialize_key_and_certificates
from redis.asyncio import Redis
from support.certificates import certificate
from support.keys import opened, private_key
from support.pages import blocks, play_console, sections
from support.server import Server

from token_server.signing.keystore import KeysDirectory

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "operations.md").read_text()
TASKS = sections(PAGE)
FIRST_START = "Move here from another server"
THREE_NODES = "First deployment on three nodes"
ONE_STORE, ONE_DIRECTORY = "They share nothing but the store", "They share a directory"
PROGRAMS = ("curl", "flock", "openssl", "awk", "make")

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(
        not all(map(shutil.which, PROGRAMS)), reason="a program that the page calls is not here"
    ),
]


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A fresh clone after `make install`."""
    for name in ("Makefile", "requirements.lock", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv" / "bin").symlink_to(ROOT / ".venv" / "bin")
    (tmp_path / ".venv" / ".installed").touch()
    return tmp_path


@contextmanager
def long_in_use(clone: Path) -> Iterator[Server]:
    """A running server whose active key is due."""
    begun_at = datetime.now(UTC) - timedelta(days=91)
    KeysDirectory(clone / "keys").ensure_first(key_size=2048, now=begun_at)
    server = Server(clone, {"WORKERS": "1"})
    server.start()
    try:
        yield server
    finally:
        server.stop()


@pytest.mark.parametrize(
    "task", [task for task in TASKS if task not in (FIRST_START, THREE_NODES)]
)
def test_each_task_goes_as_the_page_says(task: str, clone: Path) -> None:
    with long_in_use(clone) as server:
        play_console(blocks(TASKS[task], "console"), server, cwd=clone)
        assert httpx.get(f"{server.url}/readyz").status_code == 200
    assert can_be_opened(clone)


def can_be_opened(clone: Path) -> bool:
    """All private keys, with the passphrase if the task made one."""
    passphrase_file = clone / "keys.passphrase"
    used = passphrase_file if passphrase_file.exists() else None
    keys = KeysDirectory(clone / "keys", passphrase_file=used)
    return len(opened(keys, datetime.now(UTC))) >= 2


def test_a_key_of_another_server_is_taken_in_before_the_first_start(clone: Path) -> None:
    others(clone)
    server = Server(clone, {"WORKERS": "1"})
    play_console(blocks(TASKS[FIRST_START], "console"), server, cwd=clone)
    server.start()
    server.stop()


@pytest.mark.parametrize("way", [ONE_STORE, ONE_DIRECTORY])
async def test_three_nodes_begin_as_the_page_says(
    way: str, clone: Path, redis: Redis, store_socket: Path
) -> None:
    """The first node is the clone; the others have got what they share."""
    assert await redis.dbsize() == 0
    places = {
        "redis://store.example:6379/0": f"unix://{store_socket}",
        "/srv/token-server/keys": str(clone / "shared" / "keys"),
    }
    common, *parts = re.split(r"^### (.+)$", TASKS[THREE_NODES], flags=re.MULTILINE)
    ways = dict(zip(parts[::2], parts[1::2], strict=True))
    begun = blocks(replaced(common + ways[way], places), "console")
    told = dict(re.findall(r"export TOKEN_SERVER_(\w+)=(\S+)", "".join(begun)))
    # An empty variable is not set: nothing but what the page says.
    unset = dict.fromkeys(("STORE_URL", "KEYS_DIR", "ISSUER"), "")
    play_console(begun, Server(clone, unset), cwd=clone)
    with ExitStack() as running:
        nodes = [Server(folder, unset | {"WORKERS": "1"} | told) for folder in nodes_of(clone)]
        for node in nodes:
            node.start()
            running.callback(node.stop)
        places = {f"http://node-{at + 1}:8080": node.url for at, node in enumerate(nodes)} | {
            "node-1 node-2 node-3": " ".join(f"127.0.0.1:{node.port}" for node in nodes),
            "$node:8080": "$node",
        }
        both = blocks(replaced(ways["Both ways"], places), "console")
        play_console(both, Server(clone, unset | told), cwd=clone)


def nodes_of(clone: Path) -> Iterator[Path]:
    yield clone
    for name in ("node-2", "node-3"):
        (clone / name).mkdir()
        for secret in clone.glob("keys.passphrase"):
            shutil.copy(secret, clone / name)
        yield clone / name


def replaced(text: str, places: Mapping[str, str]) -> str:
    for told, real in places.items():
        text = text.replace(told, real)
    return text


def others(clone: Path) -> None:
    """What somebody who comes from another server has."""
    p12 = serialize_key_and_certificates(
        b"old", private_key(0), certificate(0), None, BestAvailableEncryption(b"s3cret")
    )
    (clone / "old-server.p12").write_bytes(p12)
    (clone / "old-server.passphrase").write_text("s3cret\n")
    public = private_key(1).public_key()
    (clone / "old-public.pem").write_bytes(
        public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    )
    (clone / "next.pem").write_bytes(
        private_key(2).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )


def test_the_line_for_cron_rotates(clone: Path) -> None:
    begun_at = datetime.now(UTC) - timedelta(days=91)
    KeysDirectory(clone / "keys").ensure_first(key_size=2048, now=begun_at)
    (line,) = "".join(blocks(PAGE, "crontab")).splitlines()
    command = line.split(maxsplit=5)[5].replace("/srv/token-server", shlex.quote(str(clone)))
    done = subprocess.run(
        ["/bin/sh", "-c", command],
        env=Server(clone).environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith("rotated: ")


def test_every_command_of_the_page_stands_in_a_block_that_is_run() -> None:
    assert PAGE.count("```console") == sum(len(blocks(task, "console")) for task in TASKS.values())
