"""A session's record: from what the store answers to the value that the rules know."""

from collections.abc import Sequence
from datetime import timedelta

from token_server.tokens.model import ClientId, Kid, Policy, Session, SessionId, Subject
from token_server.tokens.moments import from_micros, micros_in

FIELDS = ("g", "b", "s", "o", "i", "a", "r", "k", "c", "w", "u")
"""In the order in which `answer` of scripts/record.lua gives them."""
_REQUIRED = 8


def find(subject: Subject, sid: SessionId, values: Sequence[bytes | None]) -> Session | None:
    """The session, if there is a record of it."""
    return None if None in values[:_REQUIRED] else read(subject, sid, values)


def read(subject: Subject, sid: SessionId, values: Sequence[bytes | None]) -> Session:
    generation, base, short_term, *moments, kid = (value or b"" for value in values[:_REQUIRED])
    began_at, issued_at, access_expires_at, refresh_expires_at = (
        from_micros(int(moment)) for moment in moments
    )
    client, scope, reusable = values[_REQUIRED:]
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
        client_id=None if client is None else ClientId(client.decode()),
        scope=None if scope is None else scope.decode(),
        reusable=reusable is not None,
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
