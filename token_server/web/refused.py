"""A refusal on its way out: told to the operator once, then written by the dialect."""

import secrets

from starlette.responses import Response

from token_server.tokens.ports import Audit, Fact
from token_server.tokens.refusals import Refusal, RequestMalformed, TokenReused, WaitedTooLong
from token_server.tokens.uuids import uuid4
from token_server.web.dialects.dialect import Spelling


def refused(refusal: Refusal, *, dialect: Spelling, audit: Audit, peer: str) -> Response:
    """Record the true reason, and answer what a caller may know of it.

    Of an overload operators are told by overload.py: a line for each would add to it.
    """
    instance = new_instance()
    if isinstance(refusal, WaitedTooLong):
        return dialect.refuse(refusal, instance=instance)
    told: dict[str, str | int] = {
        **refusal.ids,
        "reason": refusal.reason,
        **dialect.told,
        "peer": peer,
        "instance": instance,
    }
    if isinstance(refusal, RequestMalformed):
        told["fault"] = refusal.fault
    audit.record(Fact.REUSED if isinstance(refusal, TokenReused) else Fact.REFUSED, **told)
    return dialect.refuse(refusal, instance=instance)


def new_instance() -> str:
    """What ties a caller's complaint to the operator's line (RFC 9457 §3.1.5)."""
    return f"urn:uuid:{uuid4(secrets.token_hex(16))}"
