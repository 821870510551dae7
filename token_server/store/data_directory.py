"""The embedded store's data directory: private to us, locked by its store, found by its socket."""

import fcntl
import hashlib
import os
import stat
import tempfile
from contextlib import suppress
from pathlib import Path

from token_server.problems import Problem

SOCKET = "s"
LOG = "valkey.log"
LINK = "store"
MANIFEST = Path("appendonlydir") / "appendonly.aof.manifest"
LARGEST_EMPTY_BASE = 256
"""Bytes. An RDB file without a key has about a hundred."""
# sockaddr_un holds 108 bytes on Linux and 104 on macOS.
LONGEST_SOCKET_PATH = 100


class DataDirectory:
    def __init__(self, path: Path) -> None:
        self.path = path.resolve()

    @property
    def log(self) -> Path:
        return self.path / LOG

    @property
    def socket(self) -> Path:
        """Where clients reach the store, short enough for them.

        The socket always stands in the data directory, so that nobody's environment decides
        where it is. Where its path is too long, this one leads there through a link of our own.
        """
        socket = self.path / SOCKET
        return socket if _fits(socket) else self._shortcut() / SOCKET

    def prepare(self) -> None:
        """Make the directory, private to us."""
        make_private(self.path)

    def holds_data(self) -> bool:
        """Whether a store was ever run here. Raises: Problem."""
        try:
            return (self.path / MANIFEST).exists() or bool(_orphans(self.path))
        except OSError as fault:
            raise _unusable(self.path, fault) from fault

    def check_complete(self) -> None:
        """Refuse data files of which some are missing: the store would start without that data.

        Raises: Problem.
        """
        try:
            named = _named_in((self.path / MANIFEST).read_text("utf-8", "replace"))
        except FileNotFoundError:
            orphans = _orphans(self.path)
            if orphans:
                raise _incomplete(self.path, MANIFEST.name) from None
            return
        except OSError as fault:
            raise _unusable(self.path, fault) from fault
        for name in named:
            if not (self.path / MANIFEST.parent / name).exists():
                raise _incomplete(self.path, name)

    def lock(self) -> int | None:
        """A descriptor that holds the lock until its last copy is closed; None: it is taken.

        The store's process inherits it, so the lock lives exactly as long as that process does:
        who gets it may be sure that no store writes here, however our own process ended.
        """
        descriptor = self._open("lock")
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        return descriptor

    def share(self) -> int | None:
        """A descriptor that says, until it is closed, that somebody uses the store.

        None in another user's directory: root may join a store there, and leaves no file in it.
        """
        if not self.path.exists():
            self.prepare()
        if self.path.stat().st_uid != os.geteuid():
            return None
        descriptor = self._open("users")
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        return descriptor

    def is_shared(self, own: int) -> bool:
        """Whether anybody else uses the store. If nobody does, nobody can begin to any more."""
        try:
            fcntl.flock(own, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False

    def _open(self, name: str) -> int:
        try:
            # Not followed: what a link leads to is not ours to lock, or to make.
            flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW
            return os.open(self.path / name, flags, 0o600)
        except OSError as fault:
            raise _unusable(self.path, fault) from fault

    def _shortcut(self) -> Path:
        digest = hashlib.sha256(os.fsencode(self.path)).hexdigest()[:16]
        folder = _short_place(f"token-server-{os.geteuid()}-{digest}")
        make_private(folder)
        link = folder / LINK
        with suppress(FileExistsError):
            link.symlink_to(self.path)
        return link


def make_private(folder: Path) -> None:
    """Make a directory that only we can enter, or refuse one that others can."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Not followed: in /tmp a link may be anybody's.
        found = folder.lstat()
    except OSError as fault:
        raise _unusable(folder, fault) from fault
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        raise Problem(
            f"{folder} belongs to another user",
            hint="run as the user who owns it, or name another directory in STORE_URL",
        )
    if found.st_mode & 0o077:
        raise Problem(
            f"others can enter {folder}, which holds the store's data",
            hint=f"chmod 700 {folder}",
        )


def _named_in(manifest: str) -> list[str]:
    """The files that hold the present data; those of type h are what a rewrite left behind."""
    lines = [line.split() for line in manifest.splitlines()]
    return [words[1] for words in lines if words[:1] == ["file"] and words[-1:] != ["h"]]


def _orphans(folder: Path) -> list[Path]:
    """Data files that hold something. A first start that was cut short leaves empty ones."""
    return [
        path
        for path in (folder / MANIFEST.parent).glob("*.aof.*")
        if path.name.endswith((".aof", ".rdb"))
        and path.stat().st_size > (LARGEST_EMPTY_BASE if path.suffix == ".rdb" else 0)
    ]


def _incomplete(folder: Path, missing: str) -> Problem:
    return Problem(
        f"the data of the embedded store is not complete: {missing} is missing "
        f"in {folder / MANIFEST.parent}",
        hint="restore the whole directory from a backup; or, if its data is lost, "
        f"move {folder} away: then every session ends",
    )


def _short_place(name: str) -> Path:
    for place in (os.environ.get("XDG_RUNTIME_DIR"), tempfile.gettempdir(), "/tmp"):  # noqa: S108 - made private
        if place and os.access(place, os.W_OK | os.X_OK):
            folder = Path(place) / name
            if _fits(folder / LINK / SOCKET):
                return folder
    raise Problem(
        "no place for a link to the store's socket is short enough",
        hint="name a shorter directory in STORE_URL, or set TMPDIR to one",
    )


def _fits(socket: Path) -> bool:
    return len(os.fsencode(socket)) <= LONGEST_SOCKET_PATH


def _unusable(folder: Path, fault: OSError) -> Problem:
    return Problem(
        f"the directory {folder} cannot be used: {fault.strerror}",
        hint="make it writable for this user, or name another directory in STORE_URL",
    )
