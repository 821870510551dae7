"""What servers have seen of the keyset: its highest counter, and every revocation."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from token_server.tokens.model import Kid


@dataclass(frozen=True, slots=True, kw_only=True)
class KeysetHistory:
    counter: int = 0
    """Every change of the keyset raises it."""
    revoked: Mapping[Kid, datetime] = field(default_factory=dict)
    """When each key was revoked, also of keys that the keyset no longer holds."""

    def merged(self, other: "KeysetHistory") -> "KeysetHistory":
        """Return what either of them has seen."""
        return KeysetHistory(
            counter=max(self.counter, other.counter), revoked={**other.revoked, **self.revoked}
        )

    def exceeds(self, other: "KeysetHistory") -> bool:
        """Whether this history holds anything that the other does not."""
        return self.counter > other.counter or not self.revoked.keys() <= other.revoked.keys()


class KeysetHistories(Protocol):
    """The history that all servers share. Both raise TemporarilyUnavailable."""

    async def recorded(self) -> KeysetHistory: ...

    async def record(self, history: KeysetHistory) -> None:
        """Durably. The counter never falls, and no revocation is removed."""
