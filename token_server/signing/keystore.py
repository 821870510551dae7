"""The keys directory: keyset.json and one private key per file, changed under one lock.

Private keys are written first and keyset.json next, in one rename; what it no longer needs is
destroyed last. Whoever is killed in between leaves the keyset before or the one after, whole, and
at most private keys that nothing names and that never sign.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeVar

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from token_server.problems import Problem
from token_server.signing import files, keyset_file
from token_server.signing.folder import KeysFolder
from token_server.signing.keeper import (
    Changed,
    Command,
    NoKeyset,
    check_signers,
    keyset_of,
    planned,
    spent,
)
from token_server.signing.keyset_guard import KeysetGuard, history_of
from token_server.signing.lifecycle import Keyset, SigningKey, first_keyset
from token_server.signing.pem import read_new_passphrase, read_passphrase
from token_server.signing.private_files import RESTORE, PrivateFiles
from token_server.signing.rotation import lacks_pending
from token_server.signing.rsa_keys import KeyPair, make_pair
from token_server.tokens.model import Kid
from token_server.tokens.ports import Clock

T = TypeVar("T")

_KEYSET_LOST = (
    "put keyset.json back from a backup; to make other keys, move the .pem files out of that "
    "directory first"
)


class KeysDirectory:
    """The KeysKeeper of servers that share a directory, or have one alone."""

    def __init__(
        self,
        folder: Path,
        *,
        passphrase_file: Path | None = None,
        guard: KeysetGuard | None = None,
    ) -> None:
        self.guard = guard or KeysetGuard()
        self.keyset_path = folder / "keyset.json"
        # There while the first keyset is being made.
        self._first = folder / "keyset.json.first"
        self._folder = KeysFolder(folder)
        self._private = PrivateFiles(folder)
        self._passphrase_file = passphrase_file

    @property
    def where(self) -> str:
        return str(self.keyset_path)

    def has_keyset(self) -> bool:
        """Raises: Problem."""
        # A dangling link counts: a volume that is being swapped is no reason for a second keyset.
        with self._folder.explaining():
            try:
                self.keyset_path.lstat()
            except FileNotFoundError:
                return False
        return True

    def text(self) -> bytes:
        """Raises: Problem."""
        self._check_there()
        with self._folder.explaining():
            return self.keyset_path.read_bytes()

    def load(self) -> Keyset:
        """Raises: Problem, also where there is no keyset yet."""
        self._check_there()
        with self._folder.explaining():
            self._folder.check()
            text = files.read(self.keyset_path)
        keyset = keyset_of(text, self.where, hint=RESTORE)
        self.guard.check(keyset, self.where)
        return keyset

    def private_key(self, key: SigningKey) -> RSAPrivateKey:
        """Raises: Problem."""
        with self._folder.explaining():
            return self._open(key)

    def ensure_first(
        self, *, key_size: int, now: datetime, active: KeyPair | None = None
    ) -> tuple[Kid, ...]:
        """Make the first keyset where there is none: the kids made, none where it was there.

        Raises: Problem.
        """
        if self.has_keyset():
            return ()
        keyset_file.check_clock(now)
        passphrase = read_new_passphrase(self._passphrase_file)
        with self._folder.explaining():
            self._folder.claim()
            with self._folder.locked():
                # Another process may have been faster.
                if self.has_keyset():
                    return ()
                self._begin_first()
                made = (active or make_pair(key_size), make_pair(key_size))
                keyset = first_keyset(
                    active=made[0].public,
                    pending=made[1].public,
                    now=now,
                    counter=self.guard.seen.counter + 1,
                )
                self._replace(keyset, made, passphrase)
                return tuple(pair.public.kid for pair in made)

    def change(
        self,
        command: Command[T],
        *,
        key_size: int,
        clock: Clock,
        grace_period: timedelta,
        imported: KeyPair | None = None,
    ) -> Changed[T]:
        """Do what an operator asks for: one after the other, each on what it finds then.

        Raises: Problem.
        """
        keyset_file.check_clock(clock())
        passphrase = read_passphrase(self._passphrase_file)
        # Made before anybody has to wait for it, if it looks as if it will be needed.
        looks_needed = lacks_pending(command(self.load(), clock()).keyset)
        spare = make_pair(key_size) if looks_needed else None
        with self._changing():
            before, now = self.load(), clock()
            plan = planned(
                command(before, now),
                before,
                now,
                spare=lambda: spare or make_pair(key_size),
                imported=imported,
            )
            if plan.is_change:
                self.guard.check_new(plan.before, plan.after)
                check_signers(plan, now, self._open)
                self._replace(plan.after, plan.made, passphrase)
            gone = spent(before, plan.after, now, grace_period, self._private.has_any)
            self._private.destroy(gone)
            return plan.carried_out(gone)

    def change_passphrase(self, to: Path | None) -> tuple[Kid, ...]:
        """Encrypt every private key anew, or not at all; the keys that were.

        Raises: Problem.
        """
        with self._changing():
            keys = [key for key in self.load().keys if self._private.has(key)]
            self._private.encrypt(keys, under=to, before=self._passphrase_file)
        return tuple(key.kid for key in keys)

    def is_writable(self) -> bool:
        return self._folder.is_writable()

    def destroy_spent(self, now: datetime, *, grace_period: timedelta) -> tuple[Kid, ...]:
        """Destroy what no key needs any more to sign; nothing, where nothing can be written.

        Raises: Problem.
        """
        if not self._spent(now, grace_period) or not self._folder.is_writable():
            return ()
        with self._changing():
            gone = self._spent(now, grace_period)
            self._private.destroy(gone)
        return tuple(key.kid for key in gone)

    def _replace(self, keyset: Keyset, made: Iterable[KeyPair], passphrase: bytes | None) -> None:
        self._private.write(made, passphrase)
        files.replace(self.keyset_path, keyset_file.write(keyset).encode("ascii"))
        if self._first.exists():
            self._first.unlink()
            files.sync(self._folder.path)
        self.guard.learn(history_of(keyset))

    def _begin_first(self) -> None:
        """Raises: Problem, where private keys lie beside no keyset.

        A first start that was killed leaves private keys as well. It also leaves a mark, so that
        the next one goes on.
        """
        folder = self._folder.path
        if self._has_lost_keyset():
            raise Problem(f"{folder} holds private keys, and no keyset.json", hint=_KEYSET_LOST)
        files.replace(self._first, b"")

    def _has_lost_keyset(self) -> bool:
        """If no keyset was begun, the private keys are those of one that is lost."""
        return not self._first.exists() and any(self._folder.path.glob("*.pem*"))

    def _open(self, key: SigningKey) -> RSAPrivateKey:
        return self._private.read(key, self._passphrase_file)

    def _spent(self, now: datetime, grace_period: timedelta) -> list[SigningKey]:
        keyset = self.load()
        return spent(keyset, keyset, now, grace_period, self._private.has_any)

    def _check_there(self) -> None:
        if not self.has_keyset():
            raise NoKeyset(
                f"{self.keyset_path} does not exist",
                hint=_KEYSET_LOST
                if self._has_lost_keyset()
                else '"token-server keys init" makes the first keyset',
            )

    @contextmanager
    def _changing(self) -> Iterator[None]:
        with self._folder.explaining():
            self._folder.check_owner()
            with self._folder.locked():
                yield
