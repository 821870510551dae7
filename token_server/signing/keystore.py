"""The keys directory: keyset.json and one private key per file, changed under one lock.

Private keys are written first and keyset.json last, in one rename: whoever is killed in between
leaves no keyset or a whole one, and at most private keys that nothing names and that never sign.
"""

import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from token_server.problems import Problem
from token_server.signing import files, keyset_file, rsa_keys
from token_server.signing.lifecycle import Keyset, KeyState, SigningKey, first_keyset, state
from token_server.signing.pem import read_passphrase, read_private_key, write_private_key
from token_server.tokens.model import Kid

# What may lie in a directory that is for keys and nothing else.
_OURS = {"README.md", ".gitignore", "lock", "keyset.json.new"}
_RESTORE = "restore the keys directory from a backup"


class KeysDirectory:
    def __init__(self, folder: Path, *, passphrase_file: Path | None = None) -> None:
        self.keyset_path = folder / "keyset.json"
        self._folder = folder
        self._passphrase_file = passphrase_file

    def load(self) -> Keyset:
        """Raises: Problem, also where there is no keyset yet."""
        if not self._has_keyset():
            raise Problem(
                f"{self.keyset_path} does not exist",
                hint='"token-server keys init" makes the first keyset',
            )
        with self._explaining():
            self._check_folder()
            text = files.read(self.keyset_path, refused_mode=0o022)
        try:
            return keyset_file.read(text.decode("utf-8"))
        except (ValueError, RecursionError) as fault:
            raise Problem(
                f"{self.keyset_path} is no good: {fault}",
                hint=_RESTORE,
            ) from fault

    def private_keys(self, keyset: Keyset, now: datetime) -> dict[Kid, RSAPrivateKey]:
        """Of the keys that sign, will sign, or may still sign a repeat. Raises: Problem."""
        with self._explaining():
            return {
                key.kid: self._private_key(key)
                for key in keyset.keys
                if self._is_needed(key, state(keyset, key, now))
            }

    def _is_needed(self, key: SigningKey, its_state: KeyState) -> bool:
        # A retiring key's file is there for as long as the key may sign a repeat.
        return its_state in (KeyState.PENDING, KeyState.ACTIVE) or (
            its_state is KeyState.RETIRING and self._pem_path(key).exists()
        )

    def ensure_first(self, *, key_size: int, now: datetime) -> tuple[Kid, ...]:
        """Make the first keyset where there is none: the kids made, none where it was there.

        Raises: Problem.
        """
        if self._has_keyset():
            return ()
        passphrase = read_passphrase(self._passphrase_file)
        with self._explaining():
            self._claim_folder()
            with self._locked():
                # Another process may have been faster.
                return () if self._has_keyset() else self._make_first(key_size, passphrase, now)

    def _make_first(
        self, key_size: int, passphrase: bytes | None, now: datetime
    ) -> tuple[Kid, ...]:
        private = [rsa_keys.make(key_size), rsa_keys.make(key_size)]
        active, pending = (rsa_keys.public_part(key) for key in private)
        keyset = first_keyset(active=active, pending=pending, now=now)
        for key, secret in zip(keyset.keys, private, strict=True):
            write_private_key(self._pem_path(key), secret, passphrase)
        files.sync(self._folder)
        files.replace(self.keyset_path, keyset_file.write(keyset).encode("ascii"))
        return active.kid, pending.kid

    def _private_key(self, key: SigningKey) -> RSAPrivateKey:
        path = self._pem_path(key)
        try:
            private = read_private_key(path, self._passphrase_file)
        except FileNotFoundError as missing:
            raise Problem(f"{path} is missing", hint=_RESTORE) from missing
        public = rsa_keys.public_part(private)
        if (public.n, public.e) != (key.public.n, key.public.e):
            raise Problem(
                f"{path} is not the key that keyset.json has under this name",
                hint=_RESTORE,
            )
        return private

    def _pem_path(self, key: SigningKey) -> Path:
        return self._folder / f"{rsa_keys.thumbprint(key.public)}.pem"

    def _has_keyset(self) -> bool:
        # A dangling link counts: a volume that is being swapped is no reason for a second keyset.
        with self._explaining():
            try:
                self.keyset_path.lstat()
            except FileNotFoundError:
                return False
        return True

    def _check_folder(self) -> None:
        found = self._folder.stat()
        if found.st_uid not in (0, os.geteuid()) and os.geteuid() != 0:
            raise self._foreign(found.st_uid)
        # Who may write here may swap the keyset. A read-only mount has whatever mode it has.
        read_only = os.statvfs(self._folder).f_flag & os.ST_RDONLY
        if found.st_mode & 0o022 and not read_only:
            raise Problem(
                f"{self._folder} can be written to by others "
                f"(mode {stat.S_IMODE(found.st_mode):04o})",
                hint=f"chmod 700 {self._folder}",
            )

    def _claim_folder(self) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        owner = self._folder.stat().st_uid
        if owner != os.geteuid():
            raise self._foreign(owner)
        # Git keeps no such modes, so a fresh clone is open to others. What holds more than keys
        # (somebody named /etc) is not ours to close.
        names = {path.name for path in self._folder.iterdir() if path.suffix != ".pem"}
        if names <= _OURS:
            self._folder.chmod(0o700)
        self._check_folder()

    def _foreign(self, owner: int) -> Problem:
        return Problem(
            f"{self._folder} belongs to another user (uid {owner})",
            hint="run as that user, or name a directory of this user in KEYS_DIR",
        )

    @contextmanager
    def _locked(self) -> Iterator[None]:
        lock = os.open(self._folder / "lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)

    @contextmanager
    def _explaining(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise Problem(
                f"{error.filename or self._folder}: {error.strerror}",
                hint=f"KEYS_DIR ({self._folder}) must be a directory of the user who runs this",
            ) from error
