"""The last rim: what no endpoint has answered becomes an answer here, and faults are logged."""

from collections.abc import Mapping
from contextlib import suppress

import structlog
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Router
from starlette.types import Receive, Scope, Send

from token_server.frames import frames_of
from token_server.tokens.refusals import InternalFault, PathUnknown, Refusal
from token_server.web.dialects import camel
from token_server.web.dialects.dialect import NO_PATH, Occurrence, Refuse
from token_server.web.paths import Handler, one_spelling
from token_server.web.refused import new_trace_id, occurrence

log = structlog.get_logger(__name__)


class Rim:
    """Each path's refusals are written as `refuse_at` has it, all others in the camel spelling."""

    def __init__(self, serve: Handler, *, refuse_at: Mapping[str, Refuse] | None = None) -> None:
        self._serve = serve
        self._refuse_at = refuse_at or {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await Router()(scope, receive, send)  # Starting and stopping: nothing to do.
            return
        try:
            answer = await self._serve(Request(scope, receive))
        except ClientDisconnect:
            # Nothing was done, and nobody is there to read it; the server wants an answer.
            answer = Response(status_code=400)
        except Exception as fault:  # noqa: BLE001 - the one place where all of them end
            refuse = self._refuse_at.get(one_spelling(scope["path"]), camel.refuse)
            answer = _answer_to(fault, scope, refuse)
        await answer(scope, receive, send)


def _answer_to(fault: Exception, scope: Scope, refuse: Refuse) -> Response:
    if isinstance(fault, PathUnknown):
        return refuse(fault, at=Occurrence(NO_PATH, trace_id=None))
    if isinstance(fault, Refusal):
        return refuse(fault, at=occurrence(scope, trace_id=None))
    trace_id = new_trace_id()
    # Nobody reading the log is no reason to leave the client without an answer.
    with suppress(OSError, ValueError):
        log.error(
            "internal fault",
            error=type(fault).__qualname__,
            trace_id=trace_id,
            traceback=frames_of(fault),
        )
    return refuse(InternalFault(), at=occurrence(scope, trace_id=trace_id))
