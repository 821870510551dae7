"""What came of a command to a keyset, as values; being second is no failure."""

from dataclasses import dataclass
from datetime import datetime

from token_server.signing.lifecycle import KeyState
from token_server.tokens.model import Kid


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotated:
    """`kid` signs since now."""

    kid: Kid
    before: Kid


@dataclass(frozen=True, slots=True, kw_only=True)
class Scheduled:
    """`kid` signs from then on; verifiers may not know it sooner."""

    kid: Kid
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class NotDue:
    kid: Kid
    due_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AlreadyScheduled:
    kid: Kid
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AlreadyRotated:
    """Not every server may have picked it up yet."""

    kid: Kid
    since: datetime
    ask_again_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Revoked:
    kid: Kid
    was: KeyState
    signing: Kid
    """The key that signs from now on, or still."""
    known_from: datetime | None
    """Until then verifiers may not know the key that signs; None: they do."""
    cancelled: bool
    """The rotation to the revoked key, which was scheduled, is off."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlreadyRevoked:
    kid: Kid
    revoked_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownKid:
    kid: Kid


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    kid: Kid
    signs_from: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AlreadyHeld:
    """The keyset has this key, under this name; or another key of this name."""

    kid: Kid


Rotation = Rotated | Scheduled | NotDue | AlreadyScheduled | AlreadyRotated
Revocation = Revoked | AlreadyRevoked | UnknownKid
Import = Imported | AlreadyHeld | AlreadyScheduled
