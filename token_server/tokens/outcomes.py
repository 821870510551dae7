"""What the store answers: facts as values, which the rules judge."""

from enum import StrEnum

from msgspec import Struct

from token_server.tokens.model import EndReason, Session


class Outcome(StrEnum):
    """What showing a refresh token led to, where it led to a pair (design: session)."""

    ROTATED = "rotated"
    ROLLED_FORWARD = "rolled_forward"
    REPEATED = "repeated"
    RECOVERED = "recovered"
    KEPT = "kept"
    """The session is reusable: an access token is due, and the refresh token stays."""


class Handed(Struct, frozen=True, kw_only=True):
    """The session's current pair is to be handed out, as this record has it."""

    outcome: Outcome
    session: Session


class Reused(Struct, frozen=True, kw_only=True):
    """Spent, and shown when it may not be."""

    ended: bool = True
    """Whether the session has been ended in the same step, as its client's policy has it."""


class Misplaced(Struct, frozen=True, kw_only=True):
    """The session belongs to another client, or to one while none asks; it is untouched."""


class Widened(Struct, frozen=True, kw_only=True):
    """More scope was asked for than the session has; it is untouched."""


class Revoked(Struct, frozen=True, kw_only=True):
    """The access token that was shown was revoked alone; its session is untouched."""


class Late(Struct, frozen=True, kw_only=True):
    """It arrived so long before the current pair was issued that nobody can say what it was."""


class Ended(Struct, frozen=True, kw_only=True):
    because: EndReason


class Expired(Struct, frozen=True, kw_only=True):
    """It has expired for all that the store has recorded, whatever the token itself says."""


class Unknown(Struct, frozen=True, kw_only=True):
    """No such session: never begun here, or forgotten after its last token expired."""


class Done(Struct, frozen=True, kw_only=True):
    """The session was live, and this call has ended it."""


Showing = Handed | Late | Reused | Ended | Expired | Unknown | Misplaced | Widened
Ending = Done | Ended | Unknown | Misplaced | Revoked


class AccountBarred(Struct, frozen=True, kw_only=True):
    """Its account is disabled or gone, so no session began."""


class Known(Struct, frozen=True, kw_only=True):
    """What the store knows of a session and an access token; it judges nothing."""

    session: Session | None
    ended: EndReason | None
    revoked: bool
    """Whether the access token was revoked alone."""
