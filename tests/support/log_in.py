"""Logging in on a real store, with few attempts and with argon2 that can be held up."""

import io
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from redis.asyncio import Redis

from support.accounts import WatchedHasher, an_account
from support.moments import MovableClock
from token_server.accounts.guess_limits import GuessLimits, Limiters
from token_server.accounts.log_in import PasswordLogIn
from token_server.accounts.passwords import Passwords
from token_server.audit import AuditLog
from token_server.store.accounts import Accounts
from token_server.store.attempts import Attempts
from token_server.store.engine import Engine
from token_server.store.known_networks import StoredKnownNetworks
from token_server.tokens.refusals import LoginRefused, Refusal

PEER = "192.0.2.1"


@dataclass
class Door:
    """Log in on a real store, with three failures at once and one more each minute."""

    redis: Redis
    clock: MovableClock = field(default_factory=MovableClock)
    hasher: WatchedHasher = field(default_factory=WatchedHasher)
    audited: io.StringIO = field(default_factory=io.StringIO)
    waiting: int = 64
    burst: int = 3
    network_burst: int = 1000
    account_burst: int = 1000
    known_burst: int = 1000

    def __post_init__(self) -> None:
        engine = Engine(self.redis, waits_for_fsync=False)
        self.accounts = Accounts(engine, keep=timedelta(days=14))
        self.passwords = Passwords(hasher=self.hasher, slots=2, waiting=self.waiting)
        self.log_in = PasswordLogIn(
            accounts=self.accounts,
            limits=self.limits(engine),
            passwords=self.passwords,
            clock=self.clock,
            audit=AuditLog(self.audited, clock=self.clock),
        )

    def limits(self, engine: Engine) -> GuessLimits:
        def at_most(burst: int, **interval: int) -> Attempts:
            return Attempts(engine, burst=burst, interval=timedelta(**interval))

        limiters = Limiters(
            pair=at_most(self.burst, minutes=1),
            slowed_pair=at_most(1, minutes=10),
            network=at_most(self.network_burst, minutes=1),
            account=at_most(self.account_burst, hours=1),
            known_pair=at_most(2, minutes=1),
            known_pair_in_all=at_most(self.known_burst, hours=1),
        )
        known_networks = StoredKnownNetworks(engine, kind="account")
        return GuessLimits(limiters, known_networks=known_networks)

    async def add(self, name: str, password: str) -> None:
        password_hash = await self.passwords.hash(password)
        assert await self.accounts.add(an_account(name, password_hash=password_hash))

    async def refusal(self, name: str, password: str, peer: str = PEER) -> Refusal:
        with pytest.raises(Refusal) as refused:
            await self.log_in(name, password, peer=peer)
        return refused.value

    async def may_try(self, name: str, peer: str = PEER) -> bool:
        return isinstance(await self.refusal(name, "wrong", peer), LoginRefused)
