"""The audit log: one JSON line per security fact, with ids only, never a token."""

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import TextIO

import structlog

from token_server.spoken import how_spoken_to
from token_server.strict_json import write_ascii
from token_server.tokens.moments import to_text
from token_server.tokens.ports import Fact

log = structlog.get_logger(__name__)


class AuditLog:
    """Writes each fact as one line to a stream; and how it was spoken to goes along."""

    def __init__(self, stream: TextIO, *, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._stream = stream

    def record(self, fact: Fact, **ids: str | int) -> None:
        """A line that cannot be written is told of on the log, and changes no answer.

        The fact has taken effect: to fail its request would only make the client ask again.
        """
        at = f"{to_text(self._clock())}+00:00"
        line = {"audit": True, "at": at, **how_spoken_to(), **ids, "event": fact}
        try:
            # In one piece: other processes write to the same place.
            self._stream.write(write_ascii(line).decode("ascii") + "\n")
            self._stream.flush()
        except (OSError, ValueError) as fault:  # a full disk, a closed pipe
            with suppress(OSError, ValueError):
                log.warning("the audit log cannot be written", cause=type(fault).__name__)
