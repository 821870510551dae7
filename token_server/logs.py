"""The log for people who run the server: one JSON line each, apart from the audit log."""

import logging
import sys
import threading
import time
from collections.abc import Callable
from io import TextIOBase
from types import TracebackType
from typing import Any, TextIO, cast

import structlog
from structlog.typing import EventDict, WrappedLogger

from token_server.frames import frames_of

MAX_REPEATS = 10
"""Lines of the same warning in one interval. The next one says how many were left out."""
REPEAT_INTERVAL = 1.0
MAX_REMEMBERED = 1024

log = structlog.get_logger(__name__)


class RepeatLimit:
    """A structlog processor that leaves out warnings and errors that repeat too often."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._seen: dict[str, tuple[float, int]] = {}
        """When the interval of an event began, and how many came since."""

    def __call__(self, _logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
        if method in ("debug", "info"):
            return event
        now, key = self._clock(), f"{event.get('event')} {event.get('error', '')}"
        began_at, count = self._seen.get(key, (now, 0))
        if now - began_at < REPEAT_INTERVAL:
            self._seen[key] = (began_at, count + 1)
            if count >= MAX_REPEATS:
                raise structlog.DropEvent
            return event
        if len(self._seen) >= MAX_REMEMBERED:
            self._seen.clear()
        self._seen[key] = (now, 1)
        if count > MAX_REPEATS:
            event["left_out"] = count - MAX_REPEATS
        return event


def log_to(stream: TextIOBase) -> None:
    """Send all log lines there."""
    structlog.configure(
        processors=[
            RepeatLimit(),
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            # Frames only: locals would hold tokens.
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.WriteLoggerFactory(cast("TextIO", stream)),
    )


def log_faults() -> None:
    """Send what libraries log, warnings and uncaught exceptions of this process to the log."""
    logging.basicConfig(handlers=[_ToLog()], level=logging.WARNING, force=True)
    logging.captureWarnings(capture=True)
    sys.excepthook = _uncaught
    threading.excepthook = lambda args: _log_fault("a thread ended by a fault", args.exc_value)
    sys.unraisablehook = lambda args: _log_fault(
        args.err_msg or "a fault that cannot be raised", args.exc_value
    )


def log_loop_fault(_loop: object, context: dict[str, Any]) -> None:
    """Log a fault in a callback or task: an exception handler of an event loop."""
    _log_fault(context["message"], context.get("exception"))


class _ToLog(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        fields: dict[str, str] = {"logger": record.name}
        if record.exc_info and record.exc_info[1]:
            fields |= _described(record.exc_info[1])
        write = log.error if record.levelno >= logging.ERROR else log.warning
        write(record.getMessage().strip(), **fields)


def _uncaught(_type: type[BaseException], fault: BaseException, _: TracebackType | None) -> None:
    _log_fault("uncaught fault", fault)


def _log_fault(event: str, fault: BaseException | None) -> None:
    log.error(event, **_described(fault) if fault else {})


def _described(fault: BaseException) -> dict[str, str]:
    """Never the text of an exception: it may quote a request."""
    return {"error": type(fault).__qualname__, "traceback": frames_of(fault)}
