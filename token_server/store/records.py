"""A session's record: from what the store answers to the value that the rules know."""

from collections.abc import Sequence
from datetime import timedelta
from functools import lru_cache
from struct import Struct

from token_server.tokens.model import (
    ClientId,
    Kid,
    NewSession,
    Policy,
    Session,
    SessionId,
    Subject,
)
from token_server.tokens.moments import from_micros, micros_in

# As scripts/record.lua packs them.
_NUMBERS = Struct("<iiIBqqqqq")
_POLICY = Struct("<qqqqqq")
_SHORT_TERM, _REUSABLE, _CONFIDENTIAL = 1, 2, 4
_POLICIES = 1024


def find(subject: Subject, sid: SessionId, values: Sequence[bytes | None]) -> Session | None:
    """The session, if there is a record of it."""
    return None if values[0] is None else read(subject, sid, values)


def read(subject: Subject, sid: SessionId, values: Sequence[bytes | None]) -> Session:
    """`values`: what `answer` of scripts/record.lua gives."""
    numbers, kid, client, scope = values
    generation, base, _, flags, began, issued, access, refresh, _ = _NUMBERS.unpack(numbers or b"")
    return Session(
        sid=sid,
        subject=subject,
        generation=generation,
        base=base,
        short_term=bool(flags & _SHORT_TERM),
        began_at=from_micros(began),
        issued_at=from_micros(issued),
        access_token_expires_at=from_micros(access),
        refresh_token_expires_at=from_micros(refresh),
        kid=Kid((kid or b"").decode()),
        client_id=None if client is None else ClientId(client.decode()),
        scope=None if scope is None else scope.decode(),
        reusable=bool(flags & _REUSABLE),
        confidential=bool(flags & _CONFIDENTIAL),
    )


def flags(new: NewSession) -> int:
    confidential = _CONFIDENTIAL * new.confidential
    return _SHORT_TERM * new.short_term + _REUSABLE * new.reusable + confidential


@lru_cache(_POLICIES)
def packed(policy: Policy) -> bytes:
    """What the scripts take of a policy, in microseconds."""
    recovery = policy.recovery_period
    return _POLICY.pack(
        micros_in(policy.access_token_lifetime),
        micros_in(policy.refresh_token_lifetime),
        micros_in(policy.short_term_refresh_token_lifetime),
        micros_in(policy.session_lifetime or timedelta(0)),
        micros_in(policy.grace_period),
        -1 if recovery is None else micros_in(recovery),
    )
