"""Tells people who run the server what is wrong with a file: once, and once that it is over."""

from collections.abc import Collection

import structlog

from token_server.problems import Problem

log = structlog.get_logger(__name__)


class Alarm:
    def __init__(self, *, trouble: str, over: str) -> None:
        self._trouble = trouble
        self._over = over
        self._said: set[str] = set()

    def tell(self, problems: Collection[Problem]) -> None:
        """All that is wrong now."""
        for problem in problems:
            if problem.text not in self._said:
                log.error(self._trouble, problem=problem.text, hint=problem.hint)
        if self._said and not problems:
            log.info(self._over)
        self._said = {problem.text for problem in problems}
