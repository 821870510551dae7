"""The audit log: one JSON line per security fact, with ids only, never a token."""

import json
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import TextIO

import structlog

from token_server.tokens.ports import Fact

log = structlog.get_logger(__name__)
_write = json.JSONEncoder().encode


class AuditLog:
    """Writes each fact as one line to a stream; what is bound to the context goes along."""

    def __init__(self, stream: TextIO, *, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._stream = stream

    def record(self, fact: Fact, **ids: str | int) -> None:
        """A line that cannot be written is told of on the log, and changes no answer.

        The fact has taken effect: to fail its request would only make the client ask again.
        """
        at = self._clock().astimezone(UTC).isoformat(timespec="microseconds")
        bound = structlog.contextvars.get_contextvars()
        line = {"audit": True, "at": at, **bound, **ids, "event": fact.value}
        try:
            # In one piece: other processes write to the same place.
            self._stream.write(_write(line) + "\n")
            self._stream.flush()
        except (OSError, ValueError) as fault:  # a full disk, a closed pipe
            with suppress(OSError, ValueError):
                log.warning("the audit log cannot be written", cause=type(fault).__name__)
