"""A refusal on its way out: told to the operator once, then written by the dialect."""

import secrets

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

from token_server.tokens.ports import Audit, Fact
from token_server.tokens.refusals import Refusal, RequestMalformed, TokenReused, WaitedTooLong
from token_server.tokens.uuids import uuid4
from token_server.tokens.waiting import TooManyWaiting
from token_server.web.dialects.dialect import Occurrence, Spelling
from token_server.web.paths import one_spelling


def refused(
    refusal: Refusal, request: Request, *, dialect: Spelling, audit: Audit, peer: str
) -> Response:
    """Record the true reason, and answer what a caller may know of it.

    Of an overload operators are told by overload.py: a line for each would add to it.
    """
    if isinstance(refusal, TooManyWaiting | WaitedTooLong):
        return dialect.refuse(refusal, at=occurrence(request.scope, trace_id=None))
    trace_id = new_trace_id()
    told: dict[str, str | int] = {
        **refusal.ids,
        "reason": refusal.reason,
        **dialect.told,
        "peer": peer,
        "trace_id": trace_id,
    }
    if isinstance(refusal, RequestMalformed):
        told["fault"] = refusal.fault
    audit.record(Fact.REUSED if isinstance(refusal, TokenReused) else Fact.REFUSED, **told)
    return dialect.refuse(refusal, at=occurrence(request.scope, trace_id=trace_id))


def occurrence(scope: Scope, *, trace_id: str | None) -> Occurrence:
    """Describe a refused request to a path that is served."""
    return Occurrence(path=one_spelling(scope["path"]), trace_id=trace_id)


def new_trace_id() -> str:
    """Return a random id that the refusal and its line in the log share."""
    return uuid4(secrets.token_hex(16))
