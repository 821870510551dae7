"""The directory that keys lie in: whose it is, who may write there, who changes it now."""

import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from token_server.problems import Problem
from token_server.signing import files

STORE_RECORD = "store.json"
# What may lie in a directory that is for keys and nothing else, beside private keys.
_FIRST = ("keyset.json.first", "keyset.json.first.new")
_OURS = {"README.md", ".gitignore", "lock", "keyset.json", "keyset.json.new", *_FIRST}
_OURS |= {STORE_RECORD, f"{STORE_RECORD}.new"}
_PRIVATE_KEYS = {".pem", ".next", ".gone", ".new"}


class KeysFolder:
    def __init__(self, path: Path) -> None:
        self.path = path

    def check(self) -> None:
        """Raises: Problem, OSError."""
        found = self.path.stat()
        if found.st_uid not in (0, os.geteuid()) and os.geteuid() != 0:
            raise self._foreign(found.st_uid)
        # Who may write here may swap the keyset. A read-only mount has whatever mode it has.
        read_only = os.statvfs(self.path).f_flag & os.ST_RDONLY
        if found.st_mode & 0o022 and not read_only:
            raise Problem(
                f"{self.path} can be written to by others "
                f"(mode {stat.S_IMODE(found.st_mode):04o})",
                hint=f"chmod 700 {self.path}",
            )

    def claim(self) -> None:
        """Make it, or make sure that it is ours to write to. Raises: Problem, OSError."""
        files.make_folder(self.path)
        self.check_owner()
        # Git keeps no such modes, so a fresh clone is open to others. What holds more than keys
        # (somebody named /etc) is not ours to close.
        others = {path.name for path in self.path.iterdir() if path.suffix not in _PRIVATE_KEYS}
        if others <= _OURS:
            self.path.chmod(0o700)
        self.check()

    def check_owner(self) -> None:
        """Whose it is must be able to read what we write. Raises: Problem, OSError."""
        owner = self.path.stat().st_uid
        if owner != os.geteuid():
            raise self._foreign(owner)

    def is_own(self) -> bool:
        """Whether its owner could read what we write. Raises: OSError."""
        return self.path.stat().st_uid == os.geteuid()

    def is_writable(self) -> bool:
        return os.access(self.path, os.W_OK, effective_ids=True)

    @contextmanager
    def locked(self) -> Iterator[None]:
        lock = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)

    @contextmanager
    def explaining(self) -> Iterator[None]:
        """What the system refuses becomes a Problem."""
        try:
            yield
        except OSError as error:
            raise Problem(
                f"{error.filename or self.path}: {error.strerror}",
                hint=f"KEYS_DIR ({self.path}) must be a directory of the user who runs this",
            ) from error

    def _foreign(self, owner: int) -> Problem:
        return Problem(
            f"{self.path} belongs to another user (uid {owner})",
            hint="run as that user, or name a directory of this user in KEYS_DIR",
        )
