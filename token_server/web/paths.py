"""One spelling per path, all methods of a path in one place, and what is not there."""

import re
from collections.abc import Awaitable, Callable, Mapping

from starlette.requests import Request
from starlette.responses import Response

from token_server.tokens.refusals import MethodNotAllowed, PathUnknown

Handler = Callable[[Request], Awaitable[Response]]


class Methods:
    """The handlers of one path by method; who serves GET serves HEAD, as a rule."""

    def __init__(self, *, head: bool = True, **handlers: Handler) -> None:
        self._handlers = dict(handlers)
        if head and "GET" in handlers:
            self._handlers["HEAD"] = handlers["GET"]

    def serving(self, method: str) -> Handler:
        """Raises: MethodNotAllowed."""
        handler = self._handlers.get(method)
        if handler is None:
            # RFC 9110 §10.2.1: every method of the path, wherever it is handled.
            raise MethodNotAllowed(", ".join(self._handlers))
        return handler


PathTable = Mapping[str, Methods]
"""Each path and who serves it: looked up, not searched for."""


def served_by(paths: PathTable, request: Request) -> Awaitable[Response]:
    """The answer of whoever serves it. Raises: PathUnknown, MethodNotAllowed."""
    methods = paths.get(one_spelling(request.scope["path"]))
    if methods is None:
        raise PathUnknown
    # The body of an answer to HEAD is for the HTTP server to withhold: it knows the length.
    return methods.serving(request.scope["method"])(request)


def one_spelling(path: str) -> str:
    """Doubled and trailing slashes are served as if they were not there.

    Never by a redirect: a redirected POST loses its body.
    """
    if path and "//" not in path and not path.endswith("/"):
        return path
    return re.sub("/{2,}", "/", path).rstrip("/") or "/"
