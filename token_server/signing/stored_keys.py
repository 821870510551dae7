"""The keyset and its private keys as texts in the store, for servers that share nothing else.

The texts are those of a keys directory. Whoever changes them reads, decides, and replaces what
was read in one step; where somebody was faster, it begins anew. So there is no lock, and nobody
who is killed leaves half a change.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache, partial
from pathlib import Path
from typing import Protocol, TypeVar

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from token_server.problems import Problem
from token_server.signing import keyset_file, keyset_mac, rsa_keys
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
from token_server.signing.lifecycle import Keyset, PublicKey, SigningKey, first_keyset
from token_server.signing.pem import LOST, from_pem, read_new_passphrase, read_passphrase, to_pem
from token_server.signing.rsa_keys import KeyPair, make_pair
from token_server.tokens.model import Kid
from token_server.tokens.ports import Clock

T = TypeVar("T")
Contents = Mapping[str, bytes]
"""The text of the keyset and the private keys, by the names of their files in a directory."""

KEYSET = "keyset.json"
RESTORE = "restore the store from a backup"


class KeysetStore(Protocol):
    """Texts that servers share. Each call blocks, and raises Problem where it fails."""

    def read(self, *, durably: bool) -> Contents:
        """All of them; `durably`: what is answered is on disk."""

    def begin(self, contents: Contents) -> bool:
        """Of all callers, ever, one gets True; nobody in a store that has lost its keyset."""

    def replace(self, before: Contents, after: Contents) -> bool:
        """In one step, and durably. False: what was read is not there any more."""


class StoredKeys:
    """The KeysKeeper of servers that share a store. Private keys are always encrypted there."""

    def __init__(
        self,
        store: KeysetStore,
        *,
        passphrase_file: Path | None,
        guard: KeysetGuard | None = None,
    ) -> None:
        """Raises: Problem."""
        if passphrase_file is None:
            raise Problem(
                "private keys in the store are always encrypted",
                hint="KEYS_PASSPHRASE_FILE must name the file that holds their passphrase",
            )
        self.guard = guard or KeysetGuard()
        self._store = store
        self._passphrase_file = passphrase_file

    @property
    def where(self) -> str:
        return "the keyset in the store"

    def text(self) -> bytes:
        return _text(self._store.read(durably=False))

    def load(self) -> Keyset:
        return self._keyset(self._read())[0]

    def private_key(self, key: SigningKey) -> RSAPrivateKey:
        # The keyset that names it was on disk, so it is as well.
        return _opened(self._store.read(durably=False), key, [self._passphrase_file])

    def ensure_first(
        self, *, key_size: int, now: datetime, active: KeyPair | None = None
    ) -> tuple[Kid, ...]:
        if KEYSET in self._read():
            return ()
        keyset_file.check_clock(now)
        passphrase = read_new_passphrase(self._passphrase_file)
        made = (active or make_pair(key_size), make_pair(key_size))
        keyset = first_keyset(
            active=made[0].public,
            pending=made[1].public,
            now=now,
            counter=self.guard.seen.counter + 1,
        )
        written = _written(keyset, passphrase, keyset_mac.new_salt())
        if not self._store.begin(written | _sealed(made, passphrase)):
            return ()
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
        keyset_file.check_clock(clock())
        passphrase = read_passphrase(self._passphrase_file)
        # However often it has to begin anew, it makes one key.
        spare = cache(partial(make_pair, key_size))

        def decide(found: Contents) -> tuple[Contents, Changed[T]]:
            (before, salt), now = self._keyset(found), clock()
            plan = planned(command(before, now), before, now, spare=spare, imported=imported)
            gone = spent(before, plan.after, now, grace_period, partial(_is_kept, found))
            if not plan.is_change:
                return _without(found, gone), plan.carried_out(gone)
            self.guard.check_new(plan.before, plan.after)
            check_signers(plan, now, lambda key: _opened(found, key, [self._passphrase_file]))
            after = {
                **found,
                **_sealed(plan.made, passphrase),
                **_written(plan.after, passphrase, salt),
            }
            return _without(after, gone), plan.carried_out(gone)

        changed = self._replace(decide)
        self.guard.learn(history_of(changed.keyset))
        return changed

    def change_passphrase(self, to: Path | None) -> tuple[Kid, ...]:
        if to is None:
            raise Problem(
                "private keys in the store are always encrypted",
                hint="name the file of another passphrase with --to",
            )
        passphrase = read_new_passphrase(to)
        # Its repetition finds the new one in use.
        files = [self._passphrase_file, to]

        def decide(found: Contents) -> tuple[Contents, tuple[Kid, ...]]:
            keyset, _ = self._keyset(found, files)
            keys = [key for key in keyset.keys if _is_kept(found, key)]
            pairs = [
                KeyPair(public=key.public, private=_opened(found, key, files)) for key in keys
            ]
            after = replace(keyset, counter=keyset.counter + 1)
            written = _written(after, passphrase, keyset_mac.new_salt())
            kids = tuple(key.kid for key in keys)
            return {**found, **_sealed(pairs, passphrase), **written}, kids

        return self._replace(decide)

    def is_writable(self) -> bool:
        return True

    def destroy_spent(self, now: datetime, *, grace_period: timedelta) -> tuple[Kid, ...]:
        def decide(found: Contents) -> tuple[Contents, tuple[Kid, ...]]:
            keyset, _ = self._keyset(found)
            gone = spent(keyset, keyset, now, grace_period, partial(_is_kept, found))
            return _without(found, gone), tuple(key.kid for key in gone)

        return self._replace(decide)

    def _replace(self, decide: Callable[[Contents], tuple[Contents, T]]) -> T:
        """Each time that it has to begin anew, somebody else has got on."""
        while True:
            found = self._read()
            after, result = decide(found)
            if after == found or self._store.replace(found, after):
                return result

    def _read(self) -> Contents:
        return self._store.read(durably=True)

    def _keyset(
        self, found: Contents, passphrase_files: Sequence[Path] = ()
    ) -> tuple[Keyset, bytes]:
        """The keyset, and the salt of its MAC. Raises: Problem."""
        text = _text(found)
        salt = self._salt(text, passphrase_files or [self._passphrase_file])
        keyset = keyset_of(text, self.where, hint=RESTORE)
        self.guard.check(keyset, self.where)
        return keyset, salt

    def _salt(self, text: bytes, passphrase_files: Sequence[Path]) -> bytes:
        if self.guard.accepts_any:
            return keyset_mac.new_salt()
        for passphrase_file in passphrase_files:
            try:
                return keyset_mac.verify(text, read_passphrase(passphrase_file))
            except keyset_mac.WrongMac:
                continue
            except keyset_mac.NoMac:
                raise Problem(
                    f"{self.where} is not authenticated: an earlier release wrote it, or a "
                    "program that does not know the passphrase",
                    hint='"token-server keys accept --dry-run" shows it; without --dry-run '
                    "it is accepted",
                ) from None
        raise Problem(
            f"{self.where} cannot be verified with the passphrase in {passphrase_files[0]}",
            hint="KEYS_PASSPHRASE_FILE must name the file of the passphrase that the keyset was "
            "last written with; if that is so, another program changed the keyset: "
            "restore the store from a backup",
        )


def _text(found: Contents) -> bytes:
    if KEYSET not in found:
        raise NoKeyset(
            "the store holds no keyset", hint='"token-server keys init" makes the first keyset'
        )
    return found[KEYSET]


def _written(keyset: Keyset, passphrase: bytes, salt: bytes) -> dict[str, bytes]:
    text = keyset_file.write(keyset).encode("ascii")
    return {KEYSET: keyset_mac.with_mac(text, passphrase, salt)}


def _sealed(pairs: Iterable[KeyPair], passphrase: bytes) -> dict[str, bytes]:
    return {_name(pair.public): to_pem(pair.private, passphrase) for pair in pairs}


def _without(found: Contents, gone: Iterable[SigningKey]) -> Contents:
    names = {_name(key.public) for key in gone}
    return {name: text for name, text in found.items() if name not in names}


def _is_kept(found: Contents, key: SigningKey) -> bool:
    return _name(key.public) in found


def _opened(found: Contents, key: SigningKey, passphrase_files: Iterable[Path]) -> RSAPrivateKey:
    """By the first of the passphrases that opens it. Raises: Problem."""
    name = _name(key.public)
    if name not in found:
        raise Problem(f"{name} is missing in the store", hint=LOST)
    problems = []
    for passphrase_file in passphrase_files:
        try:
            private = from_pem(found[name], f"{name} in the store", passphrase_file)
        except Problem as problem:
            problems.append(problem)
            continue
        if not rsa_keys.is_half_of(private, key.public):
            raise Problem(f"{name} in the store is another key than its name says", hint=RESTORE)
        return private
    raise problems[0]


def _name(public: PublicKey) -> str:
    return f"{rsa_keys.thumbprint(public)}.pem"
