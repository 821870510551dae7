"""Cross-origin requests of browsers (the Fetch standard): the origins that the operator names."""

from collections.abc import Collection, Mapping

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from token_server.web.paths import one_spelling

_SENT = ["Authorization", "Content-Type", "X-Api-Version", "X-Refresh-Token"]
_READ = ["Retry-After", "WWW-Authenticate"]
_A_DAY = 86_400


def cors(
    app: ASGIApp, *, origins: Collection[str], methods_at: Mapping[str, Collection[str]]
) -> ASGIApp:
    """Answers preflights and opens answers, on the given paths with their methods alone.

    Never with credentials: our tokens come in headers and bodies, no cookie is ever read.
    """
    if not origins:
        return app
    opened = {
        path: CORSMiddleware(
            app,
            allow_origins=frozenset(origins),
            allow_methods=list(methods),
            allow_headers=_SENT,
            expose_headers=_READ,
            max_age=_A_DAY,
        )
        for path, methods in methods_at.items()
    }

    async def served(scope: Scope, receive: Receive, send: Send) -> None:
        await opened.get(one_spelling(scope.get("path", "")), app)(scope, receive, send)

    return served
