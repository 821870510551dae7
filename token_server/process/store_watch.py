"""Keeps the embedded store alive while the server runs."""

from subprocess import SubprocessError

import structlog

from token_server.problems import Problem
from token_server.store.embedded import EmbeddedStore
from token_server.store.valkey import State

log = structlog.get_logger(__name__)


class StoreWatch:
    """What goes wrong is said once, and tried again for as long as the server runs."""

    def __init__(self, store: EmbeddedStore) -> None:
        self._store = store
        self._said: set[str] = set()

    @property
    def pid(self) -> int | None:
        """The store's process, if this one started it."""
        return self._store.pid

    def tend(self) -> None:
        trouble = self._trouble()
        if trouble is None and self._said:
            log.info("the embedded store answers again")
            self._said.clear()
        elif trouble and trouble.text not in self._said:
            log.error(trouble.text, hint=trouble.hint)
            self._said.add(trouble.text)

    def _trouble(self) -> Problem | None:
        try:
            state = self._store.tend()
        except Problem as problem:
            return problem
        except (OSError, SubprocessError) as fault:
            return Problem(f"the embedded store cannot be started: {type(fault).__name__}")
        if state is State.ANSWERS:
            return None
        return Problem("the embedded store does not answer; if it is dead it is started again")
