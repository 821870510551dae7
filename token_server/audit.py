"""The audit log: one JSON line per security fact, with ids only, never a token."""

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import TextIO

import structlog

from token_server.tokens.ports import Fact

log = structlog.get_logger(__name__)


class AuditLog:
    """Writes each fact as one line to a stream; what is bound to the context goes along."""

    def __init__(self, stream: TextIO, *, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._log = structlog.wrap_logger(
            structlog.WriteLogger(stream),
            processors=[
                structlog.contextvars.merge_contextvars,
                structlog.processors.JSONRenderer(),
            ],
            wrapper_class=structlog.BoundLogger,
        )

    def record(self, fact: Fact, **ids: str | int) -> None:
        """A line that cannot be written is told of on the log, and changes no answer.

        The fact has taken effect: to fail its request would only make the client ask again.
        """
        at = self._clock().astimezone(UTC).isoformat(timespec="microseconds")
        try:
            self._log.info(fact.value, audit=True, at=at, **ids)
        except (OSError, ValueError) as fault:  # a full disk, a closed pipe
            with suppress(OSError, ValueError):
                log.warning("the audit log cannot be written", cause=type(fault).__name__)
