"""The servers that are measured: whole, as an operator starts them."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from support.processes import children_of, free_port
from support.server import Server, running_server
from support.valkey import running_valkey

from bench.machine import cpu_seconds
from bench.requests import Refreshes

STORES = ("embedded", "tcp")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cpu:
    """Seconds."""

    server: float
    store: float

    def __sub__(self, other: "Cpu") -> "Cpu":
        return Cpu(server=self.server - other.server, store=self.store - other.store)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bed:
    name: str
    workers: int
    server: Server
    store_pid: int

    def cpu(self) -> Cpu:
        """The server is its whole tree of processes, but for the store, which stands apart."""
        process = self.server.process
        assert process
        tree = {process.pid, *self.server.children()} - {self.store_pid}
        return Cpu(server=cpu_seconds(tree), store=cpu_seconds([self.store_pid]))

    def worker_pids(self) -> list[int]:
        return self.server.pids("process.worker")

    async def sessions(self, count: int) -> list[Refreshes]:
        pairs = await self.server.pairs("bench", count)
        return [Refreshes(pair.refresh_token) for pair in pairs]


@contextmanager
def bed(
    store: str, workers: int, variables: dict[str, str] | None = None, /, **settings: str
) -> Iterator[Bed]:
    with ExitStack() as held:
        folder = Path(held.enter_context(TemporaryDirectory(prefix="bench-")))
        settings |= {"WORKERS": str(workers)}
        own = None
        if store == "tcp":
            own, url = held.enter_context(_tcp_store(folder))
            settings["STORE_URL"] = url
        server = held.enter_context(running_server(folder, variables, **settings))
        # The file is the audit log's only reader.
        yield Bed(
            name=f"{store}, {workers} worker{'s' * (workers > 1)}",
            workers=workers,
            server=server,
            store_pid=own or server.pids("valkey-server")[0],
        )


@contextmanager
def _tcp_store(folder: Path) -> Iterator[tuple[int, str]]:
    """A Valkey of our own, as operators run it: fsync once a second."""
    before = set(children_of(os.getpid(), whose_command_line_has="valkey-server"))
    port = free_port()
    store = folder / "own-store"
    store.mkdir()
    options = ("--port", str(port), "--appendonly", "yes", "--appendfsync", "everysec")
    with running_valkey(store, *options):
        after = children_of(os.getpid(), whose_command_line_has="valkey-server")
        (pid,) = set(after) - before
        yield pid, f"redis://127.0.0.1:{port}/0"
