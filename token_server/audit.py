"""The audit log: one JSON line per security fact, with ids only, never a token."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TextIO

import structlog

from token_server.tokens.ports import Fact


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
        at = self._clock().astimezone(UTC).isoformat(timespec="microseconds")
        self._log.info(fact.value, audit=True, at=at, **ids)
