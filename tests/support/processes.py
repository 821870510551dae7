"""What tests of processes need: to wait for a condition, a free port, signs of life."""

import re
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

PATIENCE = 30.0
POLLED_EVERY = 0.005
PROC = Path("/proc")
HAS_PROC = (PROC / "self" / "stat").exists()
SERVING = re.compile(r"\bserving (\S+)(?: and (\S+))? with \d+ workers?\b")


def wait_until(condition: Callable[[], bool], *, seconds: float = PATIENCE) -> float:
    """Wait for a condition, not for a time; answers how long it took."""
    began = time.monotonic()
    while not condition():
        waited = time.monotonic() - began
        assert waited < seconds, f"not so after {waited:.1f} s"
        # Whatever is waited for may need the core.
        time.sleep(POLLED_EVERY)
    return time.monotonic() - began


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def has_ipv6() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


def where_it_serves(said: str) -> str:
    """The URL that a server names on stderr once all its workers listen; empty until then."""
    found = SERVING.search(said)
    return found[1] if found else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    pid: int
    parent: int
    state: str
    command_line: str

    @property
    def is_alive(self) -> bool:
        """Zombies are dead: nobody may be there to reap them."""
        return not self.state.startswith("Z")


def processes() -> list[Process]:
    """All that this machine runs, zombies included."""
    return list(processes_in_proc() if HAS_PROC else processes_that_ps_tells())


def processes_in_proc() -> Iterator[Process]:
    for folder in PROC.iterdir():
        # Each may end while it is looked at.
        with suppress(OSError):
            if folder.name.isdigit():
                yield process_in_proc(int(folder.name))


def process_in_proc(pid: int) -> Process:
    """Raises: OSError, where it is gone."""
    folder = PROC / str(pid)
    state, parent, *_ = (folder / "stat").read_text().rpartition(")")[2].split()
    command_line = (folder / "cmdline").read_text(errors="replace").replace("\0", " ")
    return Process(pid=pid, parent=int(parent), state=state, command_line=command_line)


def processes_that_ps_tells() -> Iterator[Process]:
    """As macOS has it; without `ww` it would cut long command lines off."""
    ps = shutil.which("ps")
    assert ps is not None
    columns = ("-o", "pid=", "-o", "ppid=", "-o", "stat=", "-o", "command=")
    told = subprocess.run(
        [ps, "-axww", *columns], capture_output=True, text=True, errors="replace", check=True
    )
    for line in told.stdout.splitlines():
        pid, parent, state, *command_line = line.split(maxsplit=3)
        yield Process(
            pid=int(pid), parent=int(parent), state=state, command_line="".join(command_line)
        )


def is_alive(*pids: int) -> bool:
    """Whether any of them is."""
    if not HAS_PROC:
        return any(each.is_alive and each.pid in pids for each in processes())
    # Asked over and over: not of all that this machine runs.
    return any(map(is_alive_in_proc, pids))


def is_alive_in_proc(pid: int) -> bool:
    try:
        return process_in_proc(pid).is_alive
    except OSError:
        return False


def children_of(pid: int, *, whose_command_line_has: str = "") -> list[int]:
    return sorted(
        each.pid
        for each in processes()
        if each.parent == pid and whose_command_line_has in each.command_line
    )


def environments(pids: Iterable[int]) -> Iterator[bytes]:
    """What these processes were started with, if /proc shows it: of a server, to root only."""
    for pid in pids:
        with suppress(OSError):
            yield (PROC / str(pid) / "environ").read_bytes()
