"""Private keys on disk, one file per key: written, read, encrypted anew, destroyed.

While the passphrase is being changed a key has two files, `.pem` under the old one and
`.pem.next` under the new one. Whoever comes then, also after a crash, takes the one that opens.
"""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from token_server.problems import Problem
from token_server.signing import files, rsa_keys
from token_server.signing.lifecycle import PublicKey, SigningKey
from token_server.signing.pem import LOST, read_new_passphrase, read_private_key, write_private_key
from token_server.signing.rsa_keys import KeyPair

RESTORE = "restore the keys directory from a backup"


class PrivateFiles:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def has(self, key: SigningKey) -> bool:
        return any(path.exists() for path in self._readable(key.public))

    def has_any(self, key: SigningKey) -> bool:
        """Whether anything is left of it, readable or not."""
        return any(path.exists() for path in self._all(key.public))

    def write(self, pairs: Iterable[KeyPair], passphrase: bytes | None) -> None:
        """Raises: OSError."""
        for pair in pairs:
            # There may be one of an import that was cut short: of this very key, by its name.
            _destroy(self._pem(pair.public))
            write_private_key(self._pem(pair.public), pair.private, passphrase)
        files.sync(self._folder)

    def read(self, key: SigningKey, passphrase_file: Path | None) -> RSAPrivateKey:
        """Raises: Problem, OSError."""
        return self._open(key.public, [passphrase_file])[1]

    def encrypt(
        self, keys: Iterable[SigningKey], *, under: Path | None, before: Path | None
    ) -> None:
        """Until all can be opened with the new passphrase, all can be with the old one.

        Where it was cut short, doing it again ends it.

        Raises: Problem, before anything has changed; OSError.
        """
        passphrase = read_new_passphrase(under)
        # A key that is not encrypted yet is opened without a passphrase.
        openers = dict.fromkeys([before, under, None])
        found = {key.public: self._open(key.public, openers) for key in keys}
        for public, (path, _) in found.items():
            if path == self._next(public):
                self._promote(public)
        for public, (_, private) in found.items():
            _destroy(self._next(public))
            write_private_key(self._next(public), private, passphrase)
        files.sync(self._folder)
        for public in found:
            self._promote(public)

    def destroy(self, keys: Iterable[SigningKey]) -> None:
        """Overwrite and unlink. Raises: OSError."""
        for key in keys:
            if self._pem(key.public).exists():
                self._set_aside(key.public)
            for path in self._all(key.public):
                _destroy(path)
            files.sync(self._folder)

    def _promote(self, public: PublicKey) -> None:
        """The next file takes the place of the file there was, which is destroyed."""
        if self._pem(public).exists():
            self._set_aside(public)
        self._next(public).rename(self._pem(public))
        files.sync(self._folder)
        _destroy(self._gone(public))
        files.sync(self._folder)

    def _set_aside(self, public: PublicKey) -> None:
        # Nobody shall read a file that is half overwritten.
        _destroy(self._gone(public))
        self._pem(public).rename(self._gone(public))

    def _open(
        self, public: PublicKey, passphrase_files: Iterable[Path | None]
    ) -> tuple[Path, RSAPrivateKey]:
        problems = []
        for passphrase_file in passphrase_files:
            for path in self._readable(public):
                try:
                    return path, _read(path, public, passphrase_file)
                except FileNotFoundError:
                    continue
                except Problem as problem:
                    problems.append(problem)
        raise problems[0] if problems else Problem(f"{self._pem(public)} is missing", hint=LOST)

    def _readable(self, public: PublicKey) -> tuple[Path, Path]:
        return self._pem(public), self._next(public)

    def _all(self, public: PublicKey) -> Iterator[Path]:
        yield from self._readable(public)
        yield self._gone(public)

    def _pem(self, public: PublicKey) -> Path:
        return self._folder / f"{rsa_keys.thumbprint(public)}.pem"

    def _next(self, public: PublicKey) -> Path:
        return self._pem(public).with_suffix(".pem.next")

    def _gone(self, public: PublicKey) -> Path:
        return self._pem(public).with_suffix(".pem.gone")


def _read(path: Path, public: PublicKey, passphrase_file: Path | None) -> RSAPrivateKey:
    private = read_private_key(path, passphrase_file)
    if not rsa_keys.is_half_of(private, public):
        raise Problem(f"{path} is not the key that keyset.json has under this name", hint=RESTORE)
    return private


def _destroy(path: Path) -> None:
    """What the disk keeps of it is noise, as far as a file system lets us say so."""
    try:
        with path.open("r+b") as file:
            file.write(os.urandom(os.fstat(file.fileno()).st_size))
            file.flush()
            os.fsync(file.fileno())
    except FileNotFoundError:
        return
    path.unlink()
