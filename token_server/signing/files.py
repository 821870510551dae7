"""Files of the keys directory: written so that they survive a crash, read only if well guarded."""

import os
import stat
from collections.abc import Callable
from contextlib import suppress
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


def make_folder(folder: Path) -> None:
    """Make a directory that only its owner may open, and its parents, unless it is there."""
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for each in missing:
        # To make a directory in it needs no right to read it.
        with suppress(PermissionError):
            sync(each.parent)


def sync(folder: Path) -> None:
    """Make durable which files a directory holds."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read(path: Path) -> bytes:
    """Raises: Problem, where others may write it; OSError."""
    return _read(path, lambda _: 0o022)


def read_secret(path: Path) -> bytes:
    """Raises: Problem, where others may read or write it; OSError."""
    return _read(path, _refused_of_a_secret)


def _refused_of_a_secret(found: os.stat_result) -> int:
    # Kubernetes mounts a secret as root's and lets the pod's group read it (fsGroup); systemd's
    # credentials have an access list, which shows as a group that may read. Only root put us,
    # and whoever else is in that group, there. Anybody else's file is its owner's alone.
    ours = {0, os.getegid(), *os.getgroups()}
    return 0o037 if found.st_uid == 0 and found.st_gid in ours else 0o077


def _read(path: Path, refused: Callable[[os.stat_result], int]) -> bytes:
    with path.open("rb") as file:
        found = os.fstat(file.fileno())
        mode = stat.S_IMODE(found.st_mode)
        if mode & refused(found):
            raise Problem(f"{path} is open to others (mode {mode:04o})", hint=f"chmod 600 {path}")
        return file.read()


def _write(path: Path, data: bytes, *, mode: str) -> None:
    with open(path, mode, opener=partial(os.open, mode=0o600)) as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
