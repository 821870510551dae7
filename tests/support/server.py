"""A whole server as an operator starts it: its own processes, store, keys and port."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import Any

import httpx

from support.processes import free_port, wait_until
from token_server.app import open_core_alone, open_engine
from token_server.audit import AuditLog
from token_server.settings import load_settings
from token_server.system import system_clock
from token_server.tokens.model import Subject, TokenPair

PATIENCE = 30.0


@dataclass
class Server:
    """One `token-server serve` and what belongs to it, below a folder of its own."""

    folder: Path
    settings: dict[str, str] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        own = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith("TOKEN_SERVER_")
        }
        defaults = {
            "PORT": str(self.port),
            "ADMIN_PORT": "0",
            "WORKERS": "2",
            "STORE_URL": f"embedded:{self.folder}/var/store",
            "KEYS_DIR": f"{self.folder}/keys",
            "ISSUER": self.url,
        }
        ours = {
            f"TOKEN_SERVER_{name}": value for name, value in (defaults | self.settings).items()
        }
        return own | ours

    def start(self, *, wait: bool = True) -> None:
        with (self.folder / "out").open("ab") as out, (self.folder / "err").open("ab") as err:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "token_server", "serve"],
                cwd=self.folder,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
            )
        if wait:
            wait_until(self.is_ready)

    def stop(self) -> int:
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE)

    def is_ready(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.err
        try:
            return httpx.get(f"{self.url}/readyz", timeout=5).status_code == 200
        except httpx.TransportError:
            return False

    def run(self, *words: str, stdin: str = "") -> "subprocess.CompletedProcess[str]":
        """A command line, beside the running server or alone."""
        return subprocess.run(
            [sys.executable, "-m", "token_server", *words],
            cwd=self.folder,
            env=self.environment,
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE,
        )

    def cli(self, *words: str, stdin: str = "") -> str:
        """What a command prints on stdout."""
        done = self.run(*words, stdin=stdin)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def told(self, *words: str, stdin: str = "") -> str:
        """What a command says on stderr."""
        return self.run(*words, stdin=stdin).stderr

    def pair(self, subject: str = "alice", *options: str) -> dict[str, Any]:
        """The first pair of a new session."""
        answer: dict[str, Any] = json.loads(self.cli("sessions", "issue", subject, *options))
        return answer

    async def pairs(self, subject: str, count: int) -> list[TokenPair]:
        """The first pairs of new sessions, begun in this process on the server's store."""
        settings = load_settings(self.environment)
        audit = AuditLog(StringIO(), clock=system_clock)
        async with open_engine(settings) as engine:
            core = await open_core_alone(settings, engine, audit, system_clock)
            return [
                await core.tokens.issue(Subject(subject), short_term=False, of_account=False)
                for _ in range(count)
            ]

    def user(self, name: str = "alice") -> str:
        """Add an account; its password."""
        return self.cli("users", "add", name, "--generate").strip()

    @property
    def out(self) -> str:
        return (self.folder / "out").read_text()

    @property
    def err(self) -> str:
        return (self.folder / "err").read_text()

    def audit(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.splitlines()]

    def children(self) -> list[int]:
        assert self.process is not None
        return children_of(self.process.pid)

    def pids(self, pattern: str) -> list[int]:
        """The children whose command line has this pattern."""
        return [pid for pid in self.children() if re.search(pattern, command_line(pid))]


def children_of(pid: int) -> list[int]:
    processes = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    return [child for child in processes if parent_of(child) == pid]


def parent_of(pid: int) -> int | None:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return None


def command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
    except OSError:
        return ""


@contextmanager
def running_server(folder: Path, **settings: str) -> Iterator[Server]:
    server = Server(folder, settings)
    try:
        server.start()
        yield server
    finally:
        if server.process is not None and server.process.poll() is None:
            server.stop()
