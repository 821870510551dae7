"""What keeps the keyset and its private keys; what a change comes to, wherever they lie."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from token_server.problems import Problem
from token_server.signing import keyset_file
from token_server.signing.keyset_guard import KeysetGuard
from token_server.signing.lifecycle import (
    Keyset,
    SigningKey,
    active,
    needs_private_key,
)
from token_server.signing.rotation import Step, lacks_pending, with_pending
from token_server.signing.rsa_keys import KeyPair
from token_server.tokens.model import Kid
from token_server.tokens.ports import Clock

T = TypeVar("T")
Command = Callable[[Keyset, datetime], Step[T]]
"""What an operator asks for: a pure function of the keyset and now."""


class NoKeyset(Problem):
    """There is none yet, or none any more."""


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


class KeysKeeper(Protocol):
    """Where the keyset and its private keys lie: in a directory, or in the store.

    Servers and commands use it side by side; each change is whole or none. Every call blocks, and
    raises Problem where it fails.
    """

    @property
    def where(self) -> str:
        """The keyset's name in what is said to people."""

    @property
    def guard(self) -> KeysetGuard:
        """What this process has seen of the keyset; each keyset that is loaded is checked."""

    def text(self) -> bytes:
        """The keyset as it is written now, unchecked. Raises: NoKeyset."""

    def load(self) -> Keyset:
        """Raises: NoKeyset."""

    def private_key(self, key: SigningKey) -> RSAPrivateKey: ...

    def ensure_first(
        self, *, key_size: int, now: datetime, active: KeyPair | None = None
    ) -> tuple[Kid, ...]:
        """Make the first keyset where there is none: the kids made, none where it was there."""

    def change(
        self,
        command: Command[T],
        *,
        key_size: int,
        clock: Clock,
        grace_period: timedelta,
        imported: KeyPair | None = None,
    ) -> Changed[T]:
        """Do what an operator asks for: one after the other, each on what it finds then."""

    def change_passphrase(self, to: Path | None) -> tuple[Kid, ...]:
        """Encrypt every private key anew, or not at all; the keys that were."""

    def is_writable(self) -> bool: ...

    def destroy_spent(self, now: datetime, *, grace_period: timedelta) -> tuple[Kid, ...]:
        """Destroy what no key needs any more to sign; nothing, where nothing can be written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan(Generic[T]):
    """What a command is to lead to, before anything is written."""

    before: Keyset
    after: Keyset
    outcome: T
    made: tuple[KeyPair, ...]
    """The private halves that are to be kept."""
    announced: KeyPair | None

    @property
    def is_change(self) -> bool:
        return self.after != self.before

    def carried_out(self, destroyed: Iterable[SigningKey]) -> Changed[T]:
        return Changed(
            keyset=self.after,
            outcome=self.outcome,
            is_change=self.is_change,
            announced=self.announced.public.kid if self.announced else None,
            destroyed=tuple(key.kid for key in destroyed),
        )


def planned(
    step: Step[T],
    before: Keyset,
    now: datetime,
    *,
    spare: Callable[[], KeyPair],
    imported: KeyPair | None,
) -> Plan[T]:
    """`spare` makes the pending key that is announced if one is due."""
    after, made = step.keyset, [imported] if imported else []
    announced = None
    if lacks_pending(after):
        announced = spare()
        after = with_pending(after, announced.public, now)
        made.append(announced)
    if after != before:
        after = replace(after, counter=max(after.counter, before.counter) + 1)
    return Plan(
        before=before,
        after=after,
        outcome=step.outcome,
        made=tuple(pair for pair in made if pair.is_in(after)),
        announced=announced,
    )


def check_signers(plan: Plan[T], now: datetime, can_open: Callable[[SigningKey], object]) -> None:
    """A key that nobody can open must not come to sign, nor one be made by its side."""
    at_hand = {pair.public.kid for pair in plan.made}
    for key in {active(plan.after, now), plan.after.in_signing_order[-1]}:
        if key.kid not in at_hand:
            can_open(key)


def spent(
    before: Keyset,
    after: Keyset,
    now: datetime,
    grace_period: timedelta,
    is_kept: Callable[[SigningKey], bool],
) -> list[SigningKey]:
    """Keys whose private halves are kept, and that no server needs any more."""
    return [
        key
        for key in {key.kid: key for key in (*before.keys, *after.keys)}.values()
        if is_kept(key)
        and not (
            after.find(key.kid) and needs_private_key(after, key, now, grace_period=grace_period)
        )
    ]


def keyset_of(text: bytes, where: str, *, hint: str) -> Keyset:
    """Raises: Problem."""
    try:
        return keyset_file.read(_decoded(text))
    except keyset_file.OtherVersion as other:
        raise Problem(
            f"{where} is no good: {other}",
            hint="run the release that wrote it, or a later one",
        ) from other
    except (ValueError, RecursionError) as fault:
        raise Problem(f"{where} is no good: {fault}", hint=hint) from fault


def _decoded(text: bytes) -> str:
    try:
        return text.decode("utf-8")
    except UnicodeDecodeError:
        raise ValueError("it is damaged: it is no UTF-8 text") from None
