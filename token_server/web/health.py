"""Whether the process is up, and whether it can serve."""

import asyncio
import time
from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import Response

from token_server.tokens.refusals import Refusal, TemporarilyUnavailable
from token_server.tokens.services import Readiness
from token_server.web.wire import TURN, json_answer

REMEMBERED_SECONDS = 1.0


async def live(_request: Request) -> Response:
    """Up; what it depends on is not asked, because a restart of this process mends none of it."""
    return json_answer(200, {"status": "live"})


class Ready:
    """Checks at most once a second, however many ask: each check writes to the store."""

    def __init__(
        self, readiness: Readiness, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._readiness = readiness
        self._clock = clock
        self._check: asyncio.Task[Refusal | None] | None = None
        self._good_until = 0.0

    async def __call__(self, request: Request) -> Response:
        """Raises: TemporarilyUnavailable, also while the server is about to stop."""
        turn = request.scope.get(TURN)
        if turn is not None and turn.is_leaving:
            raise TemporarilyUnavailable
        if self._check is None or (self._check.done() and self._clock() >= self._good_until):
            self._check = asyncio.create_task(self._checked())
        # A caller that hangs up takes nothing away from the others.
        refusal = await asyncio.shield(self._check)
        if refusal is not None:
            raise refusal.with_traceback(None)
        return json_answer(200, {"status": "ready"})

    async def _checked(self) -> Refusal | None:
        try:
            await self._readiness()
        except Refusal as refusal:
            return refusal
        finally:
            self._good_until = self._clock() + REMEMBERED_SECONDS
        return None
