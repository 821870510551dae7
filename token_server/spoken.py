"""How the server was spoken to in the request at hand; every fact that is recorded says it."""

from collections.abc import Mapping
from contextvars import ContextVar
from types import MappingProxyType

# Each request is served in a context of its own (http_server.py): there is nothing to undo.
_how: ContextVar[Mapping[str, str]] = ContextVar("how", default=MappingProxyType({}))


def spoken_to(how: Mapping[str, str]) -> None:
    """Say how, in place of all that was said before."""
    _how.set(how)


def how_spoken_to() -> Mapping[str, str]:
    return _how.get()
