"""How the server was spoken to in the request at hand; every fact that is recorded says it."""

from collections.abc import Mapping
from contextvars import ContextVar

# A request is a task of its own, and each task has a context of its own: nothing to undo.
_how: ContextVar[Mapping[str, str]] = ContextVar("how", default={})  # noqa: B039 - never changed


def spoken_to(how: Mapping[str, str]) -> None:
    """Say how, in place of all that was said before."""
    _how.set(how)


def how_spoken_to() -> Mapping[str, str]:
    return _how.get()
