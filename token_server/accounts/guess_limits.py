"""How often a password may be guessed: by address, by account, and by both.

- By account and network: `pair`. The owner elsewhere is not affected.
- By network: `network`, so that one password tried on many names is limited too.
- By account: `account`. It refuses nothing, because that would lock the owner out. While it is
  used up, `slowed_pair` counts beside `pair`, so every network has few attempts for this account.
- Where those refuse, and the account logged in from this network before: `known_pair`, which
  failures with other names or from other networks do not consume. It refills fast, so that an
  attacker in the same network leaves attempts to the owner; `known_pair_in_all` is its limit over
  days.

Each attempt is charged before the password is verified, and forgiven if it was right.
"""

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from token_server.tokens.guessing import AttemptLimiter, KnownNetworks
from token_server.tokens.refusals import TooManyAttempts


@dataclass(frozen=True, slots=True, kw_only=True)
class Limiters:
    """The budgets of log-ins."""

    pair: AttemptLimiter
    slowed_pair: AttemptLimiter
    network: AttemptLimiter
    account: AttemptLimiter
    known_pair: AttemptLimiter
    known_pair_in_all: AttemptLimiter


@dataclass(frozen=True, slots=True)
class Charge:
    """One attempt in one budget."""

    limiter: AttemptLimiter
    key: str

    async def wait(self, *, now: datetime) -> timedelta | None:
        """Count the attempt, or return how long its budget must be waited for."""
        return await self.limiter.charge(self.key, now=now)


class GuessLimits:
    """Charges log-ins to the budgets that they belong to."""

    def __init__(self, limiters: Limiters, *, known_networks: KnownNetworks) -> None:
        self._limiters = limiters
        self._known_networks = known_networks

    async def charge(self, name: str, network: str, *, now: datetime) -> Sequence[Charge]:
        """Count an attempt as failed. Raises: TooManyAttempts, StoreUnavailable."""
        limiters = self._limiters
        account = Charge(limiters.account, attempt_key("account", name))
        charges = [
            Charge(limiters.pair, attempt_key("pair", network, name)),
            Charge(limiters.network, attempt_key("network", network)),
        ]
        slowed_in, *waits = await _waits([account, *charges], now)
        charged = [account] if slowed_in is None else []
        if slowed_in is not None:
            slowed = Charge(limiters.slowed_pair, attempt_key("slowed", network, name))
            charges.append(slowed)
            waits.append(await slowed.wait(now=now))
        refused_for = [wait for wait in waits if wait is not None]
        charged += [each for each, wait in zip(charges, waits, strict=True) if wait is None]
        if not refused_for:
            return charged
        await forgive(charged)
        return await self._charge_known(name, network, max(refused_for), now=now)

    async def remember(self, name: str, network: str, *, now: datetime) -> None:
        """Note that this account logged in from this network."""
        await self._known_networks.note(name, network, now=now)

    async def _charge_known(
        self, name: str, network: str, wait: timedelta, *, now: datetime
    ) -> Sequence[Charge]:
        if not await self._known_networks.knows(name, network, now=now):
            raise TooManyAttempts(wait)
        charges = [
            Charge(self._limiters.known_pair, attempt_key("known", network, name)),
            Charge(self._limiters.known_pair_in_all, attempt_key("known in all", network, name)),
        ]
        waits = await _waits(charges, now)
        refused_for = [each for each in waits if each is not None]
        if refused_for:
            charged = zip(charges, waits, strict=True)
            await forgive([each for each, known_wait in charged if known_wait is None])
            raise TooManyAttempts(min(wait, max(refused_for)))
        return charges


async def forgive(charges: Sequence[Charge]) -> None:
    """Take the attempts back: the password was right, or was not verified."""
    await asyncio.gather(*(each.limiter.forgive(each.key) for each in charges))


def attempt_key(kind: str, *parts: str) -> str:
    """Return a digest, so that the store does not collect what was typed as a name.

    The name is the last part; no other part holds a NUL.
    """
    text = "\0".join((kind, *parts)).encode("utf-8", "surrogatepass")
    return hashlib.sha256(text).hexdigest()


async def _waits(charges: Sequence[Charge], now: datetime) -> list[timedelta | None]:
    return list(await asyncio.gather(*(each.wait(now=now) for each in charges)))
