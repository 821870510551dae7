"""What tests of processes need: to wait for a condition, a free port, signs of life."""

import os
import socket
import time
from collections.abc import Callable
from pathlib import Path

PATIENCE = 30.0


def wait_until(condition: Callable[[], bool], *, seconds: float = PATIENCE) -> float:
    """Wait for a condition, not for a time; answers how long it took."""
    began = time.monotonic()
    while not condition():
        waited = time.monotonic() - began
        assert waited < seconds, f"not so after {waited:.1f} s"
        os.sched_yield()
    return time.monotonic() - began


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def is_alive(pid: int) -> bool:
    """Zombies are dead: nobody may be there to reap them."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
