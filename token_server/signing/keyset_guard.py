"""Refuses a keyset that is older than one that was seen, or that takes back a revocation.

A backup that is put back, or a program that writes an old copy, must not make a revoked key sign
again. The guard remembers what it has seen; servers share that through the store.
"""

from threading import Lock

from token_server.problems import Problem
from token_server.signing.lifecycle import Keyset
from token_server.tokens.keyset_history import KeysetHistory
from token_server.tokens.model import Kid

HINT = '"token-server keys accept" takes it on purpose, and revokes again what was revoked'


class RefusedKeyset(Problem):
    """The keyset is genuine, but it is not the latest."""


class KeysetGuard:
    """Threads of one process share it."""

    def __init__(self, *, accepts_any: bool = False) -> None:
        """`accepts_any`: an operator takes the keyset on purpose, whatever it is."""
        self.accepts_any = accepts_any
        self._seen = KeysetHistory()
        self._lock = Lock()

    @property
    def seen(self) -> KeysetHistory:
        return self._seen

    def learn(self, history: KeysetHistory) -> None:
        """Take in what others have seen, or what this process has written itself."""
        with self._lock:
            self._seen = self._seen.merged(history)

    def check(self, keyset: Keyset, where: str) -> None:
        """Raises: RefusedKeyset."""
        if self.accepts_any:
            return
        with self._lock:
            for kid in self._seen.revoked:
                if is_taken_back(keyset, kid):
                    raise RefusedKeyset(f"{where} takes back the revocation of {kid}", hint=HINT)
            if keyset.counter < self._seen.counter:
                raise RefusedKeyset(
                    f"{where} is older than one that was in use "
                    f"(counter {keyset.counter}, expected {self._seen.counter} or higher)",
                    hint=HINT,
                )
            self._seen = self._seen.merged(history_of(keyset))

    def check_new(self, before: Keyset, after: Keyset) -> None:
        """Raises: Problem, if a key that was revoked and forgotten is taken in again."""
        for kid in self._seen.revoked:
            if before.find(kid) is None and is_taken_back(after, kid):
                raise Problem(f"{kid} was revoked, and stays revoked", hint="import another key")


def is_taken_back(keyset: Keyset, revoked: Kid) -> bool:
    """Whether a key that was revoked is in the keyset as if it had not been."""
    key = keyset.find(revoked)
    return key is not None and key.revoked_at is None


def history_of(keyset: Keyset) -> KeysetHistory:
    return KeysetHistory(
        counter=keyset.counter,
        revoked={key.kid: key.revoked_at for key in keyset.keys if key.revoked_at is not None},
    )
