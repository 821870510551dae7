"""What the store answers: facts as values, which the rules judge."""

from dataclasses import dataclass
from enum import StrEnum

from token_server.tokens.model import EndReason, Session


class Outcome(StrEnum):
    """What showing a refresh token led to, where it led to a pair (design: session)."""

    ROTATED = "rotated"
    ROLLED_FORWARD = "rolled_forward"
    REPEATED = "repeated"
    RECOVERED = "recovered"
    KEPT = "kept"
    """The session is reusable: an access token is due, and the refresh token stays."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Handed:
    """The session's current pair is to be handed out, as this record has it."""

    outcome: Outcome
    session: Session


@dataclass(frozen=True, slots=True, kw_only=True)
class Reused:
    """Spent, and shown when it may not be."""

    ended: bool = True
    """Whether the session has been ended in the same step, as its client's policy has it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Misplaced:
    """The session belongs to another client, or to one while none asks; it is untouched."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Widened:
    """More scope was asked for than the session has; it is untouched."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Revoked:
    """The access token that was shown was revoked alone; its session is untouched."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Late:
    """It arrived so long before the current pair was issued that nobody can say what it was."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    because: EndReason


@dataclass(frozen=True, slots=True, kw_only=True)
class Expired:
    """It has expired for all that the store has recorded, whatever the token itself says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknown:
    """No such session: never begun here, or forgotten after its last token expired."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """The session was live, and this call has ended it."""


Showing = Handed | Late | Reused | Ended | Expired | Unknown | Misplaced | Widened
Ending = Done | Ended | Unknown | Misplaced | Revoked


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountBarred:
    """Its account is disabled or gone, so no session began."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What the store knows of a session and an access token; it judges nothing."""

    session: Session | None
    ended: EndReason | None
    revoked: bool
    """Whether the access token was revoked alone."""
