"""How often a client secret may be guessed: by client and network.

A network from which the client authenticated before is never refused the right secret. From
others, the limit is charged before the result is used, so that a guess beyond it proves nothing.
"""

from datetime import datetime, timedelta

from token_server.accounts.guess_limits import attempt_key
from token_server.networks import network_of
from token_server.tokens.guessing import AttemptLimiter, KnownNetworks
from token_server.tokens.refusals import TooManyAttempts

NOTED_EVERY = timedelta(hours=1)
MAX_REMEMBERED = 10_000


class SecretGuesses:
    """Remembers in memory which networks are known, so that most requests ask no store."""

    def __init__(self, limiter: AttemptLimiter, *, known_networks: KnownNetworks) -> None:
        self._limiter = limiter
        self._known_networks = known_networks
        self._noted_at: dict[tuple[str, str], datetime] = {}

    async def check(self, client_id: str, peer: str, *, is_right: bool, now: datetime) -> None:
        """Count a wrong secret. Raises: TooManyAttempts, StoreUnavailable."""
        noted_at = self._noted_at.get((client_id, peer))
        if is_right and noted_at is not None and now - noted_at < NOTED_EVERY:
            return
        network = network_of(peer, ipv4=32)
        is_known = await self._known_networks.knows(client_id, network, now=now)
        if not (is_right and is_known):
            key = attempt_key("client", network, client_id)
            wait = await self._limiter.charge(key, now=now)
            if wait is not None:
                raise TooManyAttempts(wait)
            if not is_right:
                return
            await self._limiter.forgive(key)
        await self._known_networks.note(client_id, network, now=now)
        self._remember(client_id, peer, now)

    def _remember(self, client_id: str, peer: str, now: datetime) -> None:
        if len(self._noted_at) >= MAX_REMEMBERED:
            self._noted_at.clear()
        self._noted_at[client_id, peer] = now
