"""Files of the keys directory: written so that they survive a crash, read only if well guarded."""

import os
import stat
from functools import partial
from pathlib import Path

from token_server.problems import Problem


def create(path: Path, data: bytes) -> None:
    """Onto the disk, readable by its owner only, and never over a file that is there."""
    _write(path, data, mode="xb")


def replace(path: Path, data: bytes) -> None:
    """In one step: a reader, or whoever comes after a crash, finds the old file or the new."""
    new = path.with_name(f"{path.name}.new")
    _write(new, data, mode="wb")
    new.replace(path)
    sync(path.parent)


def sync(folder: Path) -> None:
    """Make durable which files a directory holds."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read(path: Path, *, refused_mode: int) -> bytes:
    """Raises: Problem, where the file allows others any of `refused_mode`; OSError."""
    with path.open("rb") as file:
        found = os.fstat(file.fileno())
        mode = stat.S_IMODE(found.st_mode)
        if found.st_uid == 0 and os.geteuid() != 0:
            # Root gives us a file through its group: a secret that Kubernetes mounts, say.
            refused_mode &= ~stat.S_IRGRP
        if mode & refused_mode:
            raise Problem(f"{path} is open to others (mode {mode:04o})", hint=f"chmod 600 {path}")
        return file.read()


def _write(path: Path, data: bytes, *, mode: str) -> None:
    with open(path, mode, opener=partial(os.open, mode=0o600)) as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
