"""What the limits of guesses need from the store, each with its obligations: see ports.py."""

from datetime import datetime, timedelta
from typing import Protocol


class AttemptLimiter(Protocol):
    """Counts failures by key, on all servers of one store alike.

    Charged before and forgiven after, so that many at once are no more than one by one.
    """

    async def charge(self, key: str, *, now: datetime) -> timedelta | None:
        """Count an attempt as failed, before it is made; or how long this key must wait."""

    async def forgive(self, key: str) -> None:
        """Take back what was counted: the attempt was good, or was not made."""


class KnownNetworks(Protocol):
    """From which networks accounts, or clients, proved who they are; bounded, and for a time.

    Raises StoreUnavailable.
    """

    async def note(self, name: str, network: str, *, now: datetime) -> None: ...

    async def knows(self, name: str, network: str, *, now: datetime) -> bool: ...
