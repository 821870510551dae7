"""Reads the keyset anew for a running server, and makes the best of what it finds.

* A keyset that cannot be read, or is no good, leaves the last good one in force: this server goes
  on verifying, publishing and signing, and stays ready, because one bad file must not end the
  service on every server at once.
* What a good keyset says in public counts at once, also where a private key cannot be opened:
  other servers publish and revoke by it. What was opened before stays in hand. Only once a key
  that was never opened is the one to sign does this server answer 503.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from token_server.problems import Problem
from token_server.signing.keeper import KeysKeeper, NoKeyset
from token_server.signing.keyset_guard import KeysetGuard
from token_server.signing.lifecycle import (
    Keyset,
    KeyState,
    PublicKey,
    SigningKey,
    needs_private_key,
    settled,
    state,
)
from token_server.signing.live import Keys
from token_server.tokens.model import Kid


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyTimes:
    """The lengths of time that a server goes by when it looks at its keys."""

    grace_period: timedelta
    propagation_period: timedelta
    longest_lifetime: timedelta
    """Of any token."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What all servers had recorded of their keys' tokens, and when they were asked."""

    latest_expiries: Mapping[Kid, datetime]
    at: datetime

    def settle(self, keyset: Keyset, times: KeyTimes) -> Keyset:
        return settled(
            keyset,
            self.latest_expiries,
            self.at,
            longest_lifetime=times.longest_lifetime,
            propagation_period=times.propagation_period,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    written: Keyset
    """The last good one, as it was written."""
    is_current: bool
    """Whether that is what lies there now."""
    keys: Keys
    problems: tuple[Problem, ...]


class KeysetReader:
    """Keeps what it has read; one thread at a time."""

    def __init__(self, keeper: KeysKeeper, times: KeyTimes) -> None:
        self._keeper = keeper
        self.times = times
        self._good: _Good | None = None
        self._opened: dict[PublicKey, RSAPrivateKey] = {}

    @property
    def guard(self) -> KeysetGuard:
        return self._keeper.guard

    def read(self, heard: Heard | None, now: datetime) -> Reading:
        """The keys as they are now. Raises: Problem, where there was never a good keyset.

        `heard`: last; without it no key leaves the JWK Set whose moment is not written there.
        """
        written, problems = self._look()
        is_current = not problems
        keyset = heard.settle(written, self.times) if heard else written
        problems += self._open(keyset, now)
        public_keys = [key.public for key in keyset.keys if key.public in self._opened]
        private_keys = {public.kid: self._opened[public] for public in public_keys}
        return Reading(
            written=written,
            is_current=is_current,
            keys=Keys(keyset=keyset, private_keys=private_keys),
            problems=tuple(problems),
        )

    def _look(self) -> tuple[Keyset, list[Problem]]:
        """The last good keyset, and what is wrong with the one that is there."""
        good = self._good
        try:
            # The text itself, and not its time and size: a volume that is swapped below a link,
            # or a clock that was set back, may leave those as they were.
            text = self._keeper.text()
            if good and text == good.text:
                return good.keyset, []
            keyset = self._keeper.load()
        except Problem as problem:
            if good:
                return good.keyset, [_vanished(problem)]
            raise
        # Should it have changed in between, then it differs from `text` at the next look.
        self._good = _Good(text=text, keyset=keyset)
        return keyset, []

    def _open(self, keyset: Keyset, now: datetime) -> list[Problem]:
        """Keep the private keys that are needed, and no other; what is wrong with them."""
        problems = []
        opened = {}
        for key in keyset.keys:
            if needs_private_key(keyset, key, now, grace_period=self.times.grace_period):
                try:
                    opened[key.public] = self._private_key(key)
                except Problem as problem:
                    # A retiring one may have been destroyed by a server whose clock is ahead.
                    if state(keyset, key, now) is not KeyState.RETIRING:
                        problems.append(problem)
        self._opened = opened
        return problems

    def _private_key(self, key: SigningKey) -> RSAPrivateKey:
        return self._opened.get(key.public) or self._keeper.private_key(key)


def _vanished(problem: Problem) -> Problem:
    """A keyset was there: nobody shall be told to make the first one."""
    if isinstance(problem, NoKeyset):
        return Problem(problem.text, hint="put it back; never make a new one in its place")
    return problem


@dataclass(frozen=True, slots=True, kw_only=True)
class _Good:
    text: bytes
    keyset: Keyset
