"""Standard output and error of a server process: the audit log and the log."""

import atexit
import json
import sys
from datetime import UTC, datetime

import structlog

from token_server.logs import log_faults, log_to
from token_server.process.bounded_stream import BoundedStream

DRAIN_SECONDS = 0.25
"""How long the end of a process waits for the reader of each stream."""

log = structlog.get_logger(__name__)


def bound_standard_streams() -> None:
    """Replace sys.stdout and sys.stderr by streams that never wait, until the process ends."""
    out = BoundedStream(1, lost_line=_audit_line, on_loss=_report_lost_audit_lines)
    err = BoundedStream(2, lost_line=_log_line)
    sys.stdout, sys.stderr = out, err
    log_to(err)
    log_faults()
    atexit.register(_drain, out, err)


def _drain(out: BoundedStream, err: BoundedStream) -> None:
    out.drain(within=DRAIN_SECONDS)
    err.drain(within=DRAIN_SECONDS)


def _report_lost_audit_lines(lost: int, cause: str) -> None:
    log.warning("the audit log cannot be written", cause=cause, lost=lost)


def _audit_line(lost: int) -> str:
    at = datetime.now(UTC).isoformat(timespec="microseconds")
    line = {"audit": True, "at": at, "event": "audit_lines_lost", "lost": lost}
    return json.dumps(line, separators=(",", ":")) + "\n"


def _log_line(lost: int) -> str:
    at = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    line = {"event": "log lines were lost", "lost": lost, "level": "warning", "timestamp": at}
    return json.dumps(line) + "\n"
