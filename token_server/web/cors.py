"""Cross-origin requests of browsers (the Fetch standard): the origins that the operator names."""

from collections.abc import Collection, Mapping

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

_SENT = ["Authorization", "Content-Type", "X-Api-Version", "X-Refresh-Token"]
_READ = ["Retry-After", "WWW-Authenticate"]
_A_DAY = 86_400


class Cors:
    """Answers preflights and opens answers, on the given paths with their methods alone.

    Never with credentials: our tokens come in headers and bodies, no cookie is ever read.
    """

    def __init__(
        self, app: ASGIApp, *, origins: Collection[str], methods_at: Mapping[str, Collection[str]]
    ) -> None:
        self._app = app
        self._open = {
            path: CORSMiddleware(
                app,
                allow_origins=frozenset(origins),
                allow_methods=list(methods),
                allow_headers=_SENT,
                expose_headers=_READ,
                max_age=_A_DAY,
            )
            for path, methods in methods_at.items()
            if origins
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        app = self._open.get(scope["path"], self._app) if scope["type"] == "http" else self._app
        await app(scope, receive, send)
