"""A session's record: from what the store answers to the value that the rules know."""

from collections.abc import Sequence
from datetime import timedelta

from token_server.tokens.model import Kid, Policy, Session, SessionId, Subject
from token_server.tokens.moments import from_micros, micros_in

FIELDS = ("g", "b", "s", "o", "i", "a", "r", "k")
"""In the order in which `answer` of scripts/record.lua gives them."""


def read(subject: Subject, sid: SessionId, values: Sequence[bytes]) -> Session:
    generation, base, short_term, *moments, kid = values
    began_at, issued_at, access_expires_at, refresh_expires_at = (
        from_micros(int(moment)) for moment in moments
    )
    return Session(
        sid=sid,
        subject=subject,
        generation=int(generation),
        base=int(base),
        short_term=short_term == b"1",
        began_at=began_at,
        issued_at=issued_at,
        access_token_expires_at=access_expires_at,
        refresh_token_expires_at=refresh_expires_at,
        kid=Kid(kid.decode()),
    )


def lengths(policy: Policy) -> list[int]:
    """The four lengths that the scripts take, in microseconds."""
    cap = policy.session_lifetime or timedelta(0)
    return [
        micros_in(policy.access_token_lifetime),
        micros_in(policy.refresh_token_lifetime),
        micros_in(policy.short_term_refresh_token_lifetime),
        micros_in(cap),
    ]
