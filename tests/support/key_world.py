"""A world of operators, servers and verifiers around one keyset, on clocks that disagree.

A server goes by the keyset and the record of expiries as they were up to a quarter of the
propagation period ago; a verifier by the JWK Set that it fetched, for as long as it was allowed.
Nobody's clock is further than the leeway from anybody else's.
"""

import json
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeVar

from support.key_histories import BEGIN, public
from token_server.signing.jwks import PublicJwkSet
from token_server.signing.lifecycle import (
    Keyset,
    SigningKey,
    active,
    first_keyset,
    is_published,
    may_sign,
    needs_private_key,
    settled,
)
from token_server.signing.outcomes import Revoked
from token_server.signing.rotation import KeyPolicy, Step, lacks_pending, with_pending
from token_server.tokens.model import Kid

T = TypeVar("T")

GRACE = timedelta(seconds=60)
LONGEST_LIFETIME = timedelta(hours=4)


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    kid: Kid
    expires_at: datetime
    issued_at: datetime


@dataclass
class World:
    policy: KeyPolicy
    now: datetime = BEGIN + timedelta(days=1)
    keysets: list[tuple[datetime, Keyset]] = field(default_factory=list)
    records: list[tuple[datetime, dict[Kid, datetime]]] = field(default_factory=list)
    disks: list[tuple[datetime, frozenset[Kid]]] = field(default_factory=list)
    """Whose private halves are there."""
    excused: dict[Kid, datetime] = field(default_factory=dict)
    """Keys that signed before verifiers could know them, by a revocation; until when."""

    def __post_init__(self) -> None:
        first = first_keyset(active=public("0"), pending=public("1"), now=self.now)
        self.keysets.append((self.now, first))
        self.records.append((self.now, {}))
        self.disks.append((self.now, frozenset(key.kid for key in first.keys)))

    @property
    def keyset(self) -> Keyset:
        return self.keysets[-1][1]

    def command(
        self, ahead: timedelta, command: Callable[[Keyset, datetime], Step[object]]
    ) -> None:
        """As KeysDirectory.change does it, by an operator whose clock is that far ahead."""
        clock = self.now + ahead
        step = command(self.keyset, clock)
        after = step.keyset
        if lacks_pending(after):
            after = with_pending(after, public(str(len(after.keys))), clock)
        if isinstance(step.outcome, Revoked) and step.outcome.known_from:
            self.excused[step.outcome.signing] = self.now + self.policy.propagation_period
        made = {key.kid for key in after.keys} - {key.kid for key in self.keyset.keys}
        self.disks.append((self.now, self.disks[-1][1] | made))
        self.keysets.append((self.now, after))
        self.destroy(ahead)

    def destroy(self, ahead: timedelta) -> None:
        clock = self.now + ahead
        spent = {
            key.kid
            for key in self.keyset.keys
            if not needs_private_key(self.keyset, key, clock, grace_period=GRACE)
        }
        self.disks.append((self.now, self.disks[-1][1] - spent))

    def reserve(self, kid: Kid, until: datetime) -> None:
        recorded = self.records[-1][1]
        if kid not in recorded or recorded[kid] < until:
            step = self.policy.propagation_period / 4
            self.records.append((self.now, recorded | {kid: until + step}))


@dataclass
class Server:
    world: World
    ahead: timedelta
    lag: timedelta
    seen_at: datetime = BEGIN
    opened: set[Kid] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        self.opened = set()
        self.look(self.world.now)

    @property
    def clock(self) -> datetime:
        return self.world.now + self.ahead

    def look(self, at: datetime) -> None:
        """Know what was so then."""
        self.seen_at = max(self.seen_at, at)
        self.keyset = settled(
            _as_of(self.world.keysets, self.seen_at),
            _as_of(self.world.records, self.seen_at),
            self.seen_at + self.ahead,
            longest_lifetime=LONGEST_LIFETIME,
            propagation_period=self.world.policy.propagation_period,
        )
        on_disk = _as_of(self.world.disks, self.seen_at)
        self.opened = {
            key.kid
            for key in self.keyset.keys
            if needs_private_key(self.keyset, key, self.clock, grace_period=GRACE)
            and (key.kid in self.opened or key.kid in on_disk)
        }

    def catch_up(self) -> None:
        self.look(self.world.now - self.lag)

    def sign(self, lifetime: timedelta) -> Token:
        return self._sign(active(self.keyset, self.clock).kid, self.clock + lifetime)

    def repeat(self, token: Token) -> Token:
        """The same pair again, by the same key where it still may."""
        key = self.keyset.find(token.kid)
        if key is None or not may_sign(self.keyset, key, self.clock, grace_period=GRACE):
            key = active(self.keyset, self.clock)
        return self._sign(key.kid, token.expires_at)

    def verifies(self, token: Token) -> bool:
        key = self.keyset.find(token.kid)
        return key is not None and is_published(self.keyset, key, self.clock)

    def jwk_set(self) -> tuple[set[Kid], timedelta]:
        served = PublicJwkSet(self.keyset, propagation_period=self.world.policy.propagation_period)
        keys = json.loads(served.document(self.clock).body)["keys"]
        return {Kid(key["kid"]) for key in keys}, served.max_age(self.clock)

    def _sign(self, kid: Kid, expires_at: datetime) -> Token:
        assert kid in self.opened, "it must sign with a key that it does not have"
        self.world.reserve(kid, expires_at)
        return Token(kid=kid, expires_at=expires_at, issued_at=self.clock)


@dataclass
class Verifier:
    """Honours the cache, and knows nothing but it: an unknown kid is a refused token."""

    world: World
    ahead: timedelta
    kids: set[Kid] = field(default_factory=set)
    fresh_until: datetime = BEGIN

    def verifies(self, token: Token, server: Server) -> bool:
        if self.world.now >= self.fresh_until:
            self.kids, max_age = server.jwk_set()
            assert max_age >= timedelta(0)
            self.fresh_until = self.world.now + max_age
        return token.kid in self.kids

    def thinks_alive(self, token: Token) -> bool:
        return self.world.now + self.ahead < token.expires_at


def signing_times(keyset: Keyset) -> Iterator[tuple[datetime, datetime | None]]:
    """From when until when each key signs that is not revoked, in this order."""
    keys: list[tuple[datetime, SigningKey]] = [
        (key.signs_from, key) for key in keyset.keys if key.signs_from and not key.revoked_at
    ]
    for signs_from, key in sorted(keys, key=lambda pair: pair[0]):
        yield signs_from, key.stops_at


def _as_of(versions: Sequence[tuple[datetime, T]], at: datetime) -> T:
    return versions[max(0, bisect_right(versions, at, key=lambda version: version[0]) - 1)][1]
