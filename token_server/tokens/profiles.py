"""What is known of a subject and may be told: values, and the port that looks them up."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from token_server.tokens.model import Subject


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """A subject without an account has an empty document and no moments."""

    subject: Subject
    document: Mapping[str, object] = field(default_factory=dict)
    """As the operator gave it; public."""
    disabled: bool = False
    created_at: datetime | None = None
    updated_at: datetime | None = None
    password_updated_at: datetime | None = None


class Profiles(Protocol):
    async def __call__(self, subject: Subject) -> Profile:
        """Raises: TemporarilyUnavailable."""


class ClaimsAbout(Protocol):
    async def __call__(self, subject: Subject) -> Mapping[str, object]:
        """What an access token says of its subject after the claims of our own.

        Asked of a genuine token's subject, before anything changes; never replaces a claim.

        Raises: TemporarilyUnavailable.
        """
