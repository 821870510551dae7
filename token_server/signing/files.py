"""Files of the keys directory: written so that they survive a crash, read only if well guarded."""

import os
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

from token_server.secret_files import check_mode, check_secret


def create(path: Path, data: bytes) -> None:
    """Onto the disk, readable by its owner only, and never over a file that is there."""
    _write(path, data, mode="xb")


def replace(path: Path, data: bytes, *, mode: int = 0o600) -> None:
    """In one step: a reader, or whoever comes after a crash, finds the old file or the new."""
    new = path.with_name(f"{path.name}.new")
    _write(new, data, mode="wb", permissions=mode)
    new.replace(path)
    sync(path.parent)


def make_folder(folder: Path, *, mode: int = 0o700) -> None:
    """Make a directory and its parents, unless it is there; durably."""
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    folder.mkdir(mode=mode, parents=True, exist_ok=True)
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
    return _read(path, partial(check_mode, refused=0o022))


def read_secret(path: Path) -> bytes:
    """Raises: Problem, where others may read or write it; OSError."""
    return _read(path, check_secret)


def _read(path: Path, check: Callable[[Path, os.stat_result], None]) -> bytes:
    with path.open("rb") as file:
        check(path, os.fstat(file.fileno()))
        return file.read()


def _write(path: Path, data: bytes, *, mode: str, permissions: int = 0o600) -> None:
    def opener(name: str, flags: int) -> int:
        return os.open(name, flags | os.O_NOFOLLOW, permissions)

    with open(path, mode, opener=opener) as file:
        # Whatever the umask is, and the mode of what a killed call left.
        os.fchmod(file.fileno(), permissions)
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
