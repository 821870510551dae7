"""A Valkey with settings of the test's own, beside the one that all tests share."""

import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from redis import Redis

from support.processes import wait_until
from token_server.store import names
from token_server.store.valkey import server_program
from token_server.tokens.identity import TokenIds


def begin_store(client: Redis) -> None:
    """Empty it, and leave in it what the first server leaves."""
    client.flushall()
    client.set(names.SECRET, bytes(TokenIds.SECRET_BYTES))


@contextmanager
def running_valkey(folder: Path, *options: str) -> Iterator[Path]:
    """Its socket. The options stand after, and so above, those that make it quick and quiet."""
    # What the test was given may be deeper than the 104 bytes that macOS has for a socket's path.
    with TemporaryDirectory() as short:
        path = Path(short) / "s"
        with subprocess.Popen(
            [
                *(server_program(), "--port", "0", "--unixsocket", str(path)),
                *("--dir", str(folder), "--save", "", "--logfile", "log", *options),
            ],
        ) as process:
            try:
                wait_until(lambda: process.poll() is not None or _listens(path))
                assert process.poll() is None
                yield path
            finally:
                process.kill()


def _listens(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(str(path)) == 0
