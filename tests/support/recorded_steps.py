"""The order of the system calls that make a change durable: fsync, rename, unlink."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest


@dataclass
class Steps:
    """One line each: `sync NAME`, `rename NAME NAME`, `unlink NAME`; the folder itself is `.`."""

    folder: Path
    lines: list[str] = field(default_factory=list)

    def at(self, line: str) -> int:
        """Where the only step of this kind is."""
        (found,) = (at for at, each in enumerate(self.lines) if each == line)
        return found

    def all(self, verb: str, ending: str) -> list[int]:
        """Where this is done to a file whose name ends so."""
        lines = [line.split() for line in self.lines]
        return [
            at for at, line in enumerate(lines) if line[0] == verb and line[1].endswith(ending)
        ]

    def syncs_folder_between(self, start: int, end: int) -> bool:
        return "sync ." in self.lines[start + 1 : end]

    def name_of(self, descriptor: int) -> str:
        found = os.fstat(descriptor)
        for path in (self.folder, *self.folder.iterdir()):
            if os.path.samestat(path.lstat(), found):
                return str(path.relative_to(self.folder))
        return "elsewhere"


@contextmanager
def recorded(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Steps]:
    """Record what is done in the folder. Each call is made as well."""
    steps = Steps(folder)
    fsync, rename, replace, unlink = os.fsync, os.rename, os.replace, os.unlink

    def record_sync(descriptor: int) -> None:
        steps.lines.append(f"sync {steps.name_of(descriptor)}")
        fsync(descriptor)

    def record_rename(source: Any, target: Any) -> None:  # noqa: ANN401 - as os.rename
        steps.lines.append(f"rename {Path(source).name} {Path(target).name}")
        rename(source, target)

    def record_replace(source: Any, target: Any) -> None:  # noqa: ANN401
        steps.lines.append(f"rename {Path(source).name} {Path(target).name}")
        replace(source, target)

    def record_unlink(path: Any, **options: Any) -> None:  # noqa: ANN401
        steps.lines.append(f"unlink {Path(path).name}")
        unlink(path, **options)

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", record_sync)
        patched.setattr(os, "rename", record_rename)
        patched.setattr(os, "replace", record_replace)
        patched.setattr(os, "unlink", record_unlink)
        yield steps
