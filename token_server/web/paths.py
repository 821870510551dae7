"""One spelling per path, all methods of a path in one place, and what is not there."""

import re
from collections.abc import Awaitable, Callable, Iterable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from token_server.tokens.refusals import MethodNotAllowed, PathUnknown

Handler = Callable[[Request], Awaitable[Response]]


class Methods:
    """The handlers of one path by method; who serves GET serves HEAD, as a rule."""

    def __init__(self, *, head: bool = True, **handlers: Handler) -> None:
        self._handlers = dict(handlers)
        if head and "GET" in handlers:
            self._handlers["HEAD"] = handlers["GET"]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        handler = self._handlers.get(scope["method"])
        if handler is None:
            # RFC 9110 §10.2.1: every method of the path, wherever it is handled.
            raise MethodNotAllowed(", ".join(self._handlers))
        answer = await handler(Request(scope, receive, send))
        # The body of an answer to HEAD is for the HTTP server to withhold: it knows the length.
        await answer(scope, receive, send)


class OneSpelling:
    """Serves doubled and trailing slashes as if they were not there.

    Never by a redirect: a redirected POST loses its body.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            path = one_spelling(scope["path"])
            if path != scope["path"]:
                scope = {**scope, "path": path}
        await self._app(scope, receive, send)


class PathTable:
    """Each path and who serves it: looked up, not searched for."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._served: dict[str, ASGIApp] = {route.path: route.app for route in routes}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await Router()(scope, receive, send)  # Starting and stopping: nothing to do.
            return
        app = self._served.get(scope["path"])
        if app is None:
            raise PathUnknown
        await app(scope, receive, send)


def one_spelling(path: str) -> str:
    return re.sub("/{2,}", "/", path).rstrip("/") or "/"
