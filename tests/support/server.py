"""A whole server as an operator starts it: its own processes, store, keys and port."""

import asyncio
import json
import os
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

from support.processes import PATIENCE, children_of, wait_until, where_it_serves
from token_server.app.core import open_core_alone
from token_server.app.store import open_engine
from token_server.audit import AuditLog
from token_server.settings import load_settings
from token_server.store.embedded import EmbeddedStore
from token_server.system import system_clock
from token_server.tokens.model import Subject, TokenPair

ISSUER = "http://issuer.test"
BEGUN_AT_ONCE = 16


@dataclass
class Server:
    """One `token-server serve` and what belongs to it, below a folder of its own."""

    folder: Path
    settings: dict[str, str] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)
    """Of its environment, beside the settings."""
    process: "subprocess.Popen[bytes] | None" = None
    url: str = ""
    """Where it serves, once it said so: after each start on another port."""

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2] or 0)

    @property
    def environment(self) -> dict[str, str]:
        defaults = {
            "PORT": str(self.port),
            "ADMIN_PORT": "0",
            "WORKERS": "2",
            "STORE_URL": f"embedded:{self.folder}/var/store",
            "KEYS_DIR": f"{self.folder}/keys",
            "ISSUER": ISSUER,
        }
        ours = {
            f"TOKEN_SERVER_{name}": value for name, value in (defaults | self.settings).items()
        }
        return {**os.environ, **ours, **self.variables}

    def start(
        self, *, wait: bool = True, stdout: int | None = None, stderr: int | None = None
    ) -> None:
        """Write its output to files below the folder, or to these descriptors."""
        self.url = ""
        with (self.folder / "out").open("ab") as out, (self.folder / "err").open("wb") as err:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "token_server", "serve"],
                cwd=self.folder,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=out if stdout is None else stdout,
                stderr=err if stderr is None else stderr,
            )
        if wait:
            wait_until(self.serves)
            assert httpx.get(f"{self.url}/readyz", timeout=PATIENCE).status_code == 200

    def stop(self) -> int:
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE)

    def serves(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.err
        self.url = where_it_serves(self.err)
        return bool(self.url)

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

    def issued(self, subject: str = "alice", *options: str) -> dict[str, Any]:
        """The first pair of a new session, as the command line prints it."""
        answer: dict[str, Any] = json.loads(self.cli("sessions", "issue", subject, *options))
        return answer

    def pair(self, subject: str = "alice") -> TokenPair:
        """The first pair of a new session, begun in this process on the server's store."""
        (pair,) = asyncio.run(self.pairs(subject, 1))
        return pair

    async def pairs(self, subject: str, count: int) -> list[TokenPair]:
        settings = load_settings(self.environment)
        audit = AuditLog(StringIO(), clock=system_clock)
        async with open_engine(settings) as engine:
            core = await open_core_alone(settings, engine, audit, system_clock)
            pairs: list[TokenPair] = []
            while len(pairs) < count:
                begun = (
                    core.tokens.issue(Subject(subject), short_term=False, of_account=False)
                    for _ in range(min(BEGUN_AT_ONCE, count - len(pairs)))
                )
                pairs += await asyncio.gather(*begun)
            return pairs

    def user(self, name: str = "alice") -> str:
        """Add an account; its password."""
        return self.cli("users", "add", name, "--generate").strip()

    @property
    def out(self) -> str:
        return (self.folder / "out").read_text()

    @property
    def err(self) -> str:
        """What it said since its last start."""
        return (self.folder / "err").read_text()

    def audit(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.splitlines()]

    def children(self) -> list[int]:
        assert self.process is not None
        return children_of(self.process.pid)

    def pids(self, words: str) -> list[int]:
        """The children whose command line has these words."""
        assert self.process is not None
        return children_of(self.process.pid, whose_command_line_has=words)

    @property
    def store_socket(self) -> Path:
        return EmbeddedStore(self.folder / "var" / "store").socket_path


@contextmanager
def running_server(
    folder: Path, variables: dict[str, str] | None = None, /, **settings: str
) -> Iterator[Server]:
    server = Server(folder, settings, variables or {})
    try:
        server.start()
        yield server
    finally:
        if server.process is not None and server.process.poll() is None:
            server.stop()
