"""A launcher of its own process, with workers that run a small app of the tests."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from support.launched_apps import GATE
from support.processes import SERVING, children_of, is_alive, wait_until, where_it_serves

TESTS = Path(__file__).parent.parent
UNREACHABLE_STORE = "redis://:canary@127.0.0.1:1/0"


@dataclass
class Launched:
    process: "subprocess.Popen[bytes]"
    folder: Path

    @property
    def said(self) -> str:
        """All that was written to stderr until now."""
        return (self.folder / "err").read_text()

    @property
    def url(self) -> str:
        """Where it serves; waits until it says so."""
        wait_until(lambda: bool(where_it_serves(self.said)) or self.process.poll() is not None)
        url = where_it_serves(self.said)
        assert url, self.said
        return url

    @property
    def urls(self) -> list[str]:
        """All of them."""
        assert self.url
        found = SERVING.search(self.said)
        assert found
        return [each for each in found.groups() if each]

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def workers(self) -> list[int]:
        return children_of(self.process.pid, whose_command_line_has="process.worker")

    def children(self) -> list[int]:
        return children_of(self.process.pid)

    def get(self, path: str, *, seconds: float = 30) -> str:
        return httpx.get(f"{self.url}{path}", timeout=seconds).text

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(how)
        return self.process.wait(30)


def launch(  # noqa: PLR0913 - each by its name
    folder: Path,
    settings: Mapping[str, str] | None = None,
    *,
    opener: str = "open_app",
    start_up_seconds: float = 30,
    drain_seconds: int = 20,
    in_child: Callable[[], None] | None = None,
) -> Launched:
    if not (folder / GATE).exists():
        os.mkfifo(folder / GATE)
    given = {"PORT": "0", "WORKERS": "2", "STORE_URL": UNREACHABLE_STORE} | dict(settings or {})
    ours = {f"TOKEN_SERVER_{name}": value for name, value in given.items()}
    limits = (str(start_up_seconds), str(drain_seconds))
    with (folder / "err").open("wb") as err:
        process = subprocess.Popen(
            [sys.executable, "-m", "support.launch", opener, *limits],
            cwd=folder,
            env={**os.environ, **ours, "PYTHONPATH": str(TESTS)},
            stdin=subprocess.DEVNULL,
            stderr=err,
            preexec_fn=in_child,  # noqa: PLW1509 - called by the main thread
        )
    return Launched(process, folder)


@contextmanager
def launched(
    folder: Path,
    settings: Mapping[str, str] | None = None,
    *,
    opener: str = "open_app",
    drain_seconds: int = 20,
    in_child: Callable[[], None] | None = None,
) -> Iterator[Launched]:
    """Serving, and gone at the end."""
    server = launch(
        folder, settings, opener=opener, drain_seconds=drain_seconds, in_child=in_child
    )
    try:
        assert server.url
        yield server
    finally:
        family = [server.process.pid, *server.children()]
        server.process.kill()
        server.process.wait()
        wait_until(lambda: not is_alive(*family))
