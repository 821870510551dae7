"""docs/operations.md, tried as a new operator would: every command of it is run."""

import shlex
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
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
from support.certificates import certificate
from support.keys import opened, private_key
from support.pages import blocks, play_console, sections
from support.server import Server

from token_server.signing.keystore import KeysDirectory

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "operations.md").read_text()
TASKS = sections(PAGE)
FIRST_START = "Move here from another server"
PROGRAMS = ("curl", "flock", "openssl", "awk", "make")

pytestmark = pytest.mark.skipif(
    not all(map(shutil.which, PROGRAMS)), reason="a program that the page calls is not here"
)


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
    server = Server(clone)
    server.start()
    try:
        yield server
    finally:
        server.stop()


@pytest.mark.parametrize("task", [task for task in TASKS if task != FIRST_START])
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
    server = Server(clone)
    play_console(blocks(TASKS[FIRST_START], "console"), server, cwd=clone)
    server.start()
    server.stop()


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
