"""The last rim: what no endpoint has answered becomes an answer here, and faults are logged."""

import traceback
from collections.abc import Mapping
from contextlib import suppress

import structlog
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Router
from starlette.types import Receive, Scope, Send

from token_server.tokens.refusals import InternalFault, Refusal
from token_server.web.dialects import camel
from token_server.web.dialects.dialect import Refuse
from token_server.web.paths import Handler, one_spelling
from token_server.web.refused import new_instance

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
            answer = _answer_to(
                fault, self._refuse_at.get(one_spelling(scope["path"]), camel.refuse)
            )
        await answer(scope, receive, send)


def _answer_to(fault: Exception, refuse: Refuse) -> Response:
    instance = new_instance()
    if isinstance(fault, Refusal):
        return refuse(fault, instance=instance)
    # Nobody reading the log is no reason to leave the client without an answer.
    with suppress(OSError, ValueError):
        log.error(
            "internal fault",
            error=type(fault).__qualname__,
            instance=instance,
            traceback="".join(_frames(fault)),
        )
    return refuse(InternalFault(), instance=instance)


def _frames(fault: BaseException) -> list[str]:
    """Where it happened, causes first. Never a fault's own text: it may quote a request."""
    cause = fault.__cause__ or fault.__context__
    before = _frames(cause) if cause else []
    return [*before, f"{type(fault).__qualname__}\n", *traceback.format_tb(fault.__traceback__)]
