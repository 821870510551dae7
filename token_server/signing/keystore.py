"""The keys directory: keyset.json and one private key per file, changed under one lock.

Private keys are written first and keyset.json next, in one rename; what it no longer needs is
destroyed last. Whoever is killed in between leaves the keyset before or the one after, whole, and
at most private keys that nothing names and that never sign.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Generic, TypeVar

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from token_server.problems import Problem
from token_server.signing import files, keyset_file
from token_server.signing.folder import KeysFolder
from token_server.signing.lifecycle import (
    Keyset,
    SigningKey,
    active,
    first_keyset,
    in_signing_order,
    needs_private_key,
)
from token_server.signing.pem import read_passphrase
from token_server.signing.private_files import RESTORE, PrivateFiles
from token_server.signing.rotation import Step, lacks_pending, with_pending
from token_server.signing.rsa_keys import KeyPair, make_pair
from token_server.tokens.model import Kid
from token_server.tokens.ports import Clock

T = TypeVar("T")
Command = Callable[[Keyset, datetime], Step[T]]
"""What an operator asks for: a pure function of the keyset and now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed(Generic[T]):
    """What a command came to."""

    keyset: Keyset
    outcome: T
    is_change: bool
    announced: Kid | None
    """The pending key that was made on the way."""
    destroyed: tuple[Kid, ...]
    """The keys whose private halves are gone since."""


class KeysDirectory:
    def __init__(self, folder: Path, *, passphrase_file: Path | None = None) -> None:
        self.keyset_path = folder / "keyset.json"
        self._folder = KeysFolder(folder)
        self._private = PrivateFiles(folder)
        self._passphrase_file = passphrase_file

    def has_keyset(self) -> bool:
        """Raises: Problem."""
        # A dangling link counts: a volume that is being swapped is no reason for a second keyset.
        with self._folder.explaining():
            try:
                self.keyset_path.lstat()
            except FileNotFoundError:
                return False
        return True

    def load(self) -> Keyset:
        """Raises: Problem, also where there is no keyset yet."""
        if not self.has_keyset():
            raise Problem(
                f"{self.keyset_path} does not exist",
                hint='"token-server keys init" makes the first keyset',
            )
        with self._folder.explaining():
            self._folder.check()
            text = files.read(self.keyset_path, refused_mode=0o022)
        try:
            return keyset_file.read(text.decode("utf-8"))
        except (ValueError, RecursionError) as fault:
            raise Problem(
                f"{self.keyset_path} is no good: {fault}",
                hint=RESTORE,
            ) from fault

    def private_key(self, key: SigningKey) -> RSAPrivateKey:
        """Raises: Problem."""
        with self._folder.explaining():
            return self._private.read(key, self._passphrase_file)

    def ensure_first(
        self, *, key_size: int, now: datetime, active: KeyPair | None = None
    ) -> tuple[Kid, ...]:
        """Make the first keyset where there is none: the kids made, none where it was there.

        Raises: Problem.
        """
        if self.has_keyset():
            return ()
        passphrase = read_passphrase(self._passphrase_file)
        with self._folder.explaining():
            self._folder.claim()
            with self._folder.locked():
                # Another process may have been faster.
                if self.has_keyset():
                    return ()
                made = (active or make_pair(key_size), make_pair(key_size))
                keyset = first_keyset(active=made[0].public, pending=made[1].public, now=now)
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
        passphrase = read_passphrase(self._passphrase_file)
        # Made before anybody has to wait for it, if it looks as if it will be needed.
        looks_needed = lacks_pending(command(self.load(), clock()).keyset)
        spare = make_pair(key_size) if looks_needed else None
        with self._changing():
            before, now = self.load(), clock()
            step = command(before, now)
            after, made = step.keyset, [imported] if imported else []
            announced = None
            if lacks_pending(after):
                announced = spare or make_pair(key_size)
                after = with_pending(after, announced.public, now)
                made.append(announced)
            if after != before:
                self._check_signers(after, now, made)
                self._replace(after, [pair for pair in made if pair.is_in(after)], passphrase)
            return Changed(
                keyset=after,
                outcome=step.outcome,
                is_change=after != before,
                announced=announced.public.kid if announced else None,
                destroyed=self._destroy(after, now, grace_period),
            )

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
        if not self._spent(self.load(), now, grace_period) or not self._folder.is_writable():
            return ()
        with self._changing():
            return self._destroy(self.load(), now, grace_period)

    def _replace(self, keyset: Keyset, made: Iterable[KeyPair], passphrase: bytes | None) -> None:
        self._private.write(made, passphrase)
        files.replace(self.keyset_path, keyset_file.write(keyset).encode("ascii"))

    def _check_signers(self, keyset: Keyset, now: datetime, made: Iterable[KeyPair]) -> None:
        """A key that nobody can open must not come to sign, nor one be made by its side."""
        at_hand = {pair.public.kid for pair in made}
        for key in {active(keyset, now), in_signing_order(keyset.keys)[-1]}:
            if key.kid not in at_hand:
                self._private.read(key, self._passphrase_file)

    def _destroy(self, keyset: Keyset, now: datetime, grace_period: timedelta) -> tuple[Kid, ...]:
        spent = self._spent(keyset, now, grace_period)
        self._private.destroy(spent)
        return tuple(key.kid for key in spent)

    def _spent(self, keyset: Keyset, now: datetime, grace_period: timedelta) -> list[SigningKey]:
        return [
            key
            for key in keyset.keys
            if not needs_private_key(keyset, key, now, grace_period=grace_period)
            and self._private.has_any(key)
        ]

    @contextmanager
    def _changing(self) -> Iterator[None]:
        with self._folder.explaining():
            self._folder.check_owner()
            with self._folder.locked():
                yield
