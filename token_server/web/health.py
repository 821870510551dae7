"""Whether the process is up, and whether it can serve."""

from starlette.requests import Request
from starlette.responses import Response

from token_server.tokens.services import Readiness
from token_server.web.wire import json_answer


async def live(_request: Request) -> Response:
    """Up; what it depends on is not asked, because a restart of this process mends none of it."""
    return json_answer(200, {"status": "live"})


class Ready:
    def __init__(self, readiness: Readiness) -> None:
        self._readiness = readiness

    async def __call__(self, _request: Request) -> Response:
        await self._readiness()
        return json_answer(200, {"status": "ready"})
