"""The audit log as a stream of lines."""

import contextvars
import io
import json
from datetime import UTC, datetime

import structlog

from token_server.audit import AuditLog
from token_server.spoken import spoken_to
from token_server.tokens.ports import Fact

NOW = datetime(2026, 11, 21, 12, 0, 0, 1, tzinfo=UTC)


class FullDisk(io.StringIO):
    def write(self, _text: str) -> int:
        raise OSError(28, "No space left on device")


def test_a_fact_is_one_line_with_how_the_server_was_spoken_to() -> None:
    lines = io.StringIO()

    def record() -> None:
        spoken_to({"peer": "192.0.2.1"})
        AuditLog(lines, clock=lambda: NOW).record(Fact.ROTATED, sid="s\n", generation=1)

    contextvars.Context().run(record)
    (line,) = lines.getvalue().splitlines()
    assert json.loads(line) == {
        "audit": True,
        "at": "2026-11-21T12:00:00.000001+00:00",
        "event": "rotated",
        "sid": "s\n",
        "generation": 1,
        "peer": "192.0.2.1",
    }


def test_a_line_that_cannot_be_written_is_told_of_and_fails_nobody() -> None:
    with structlog.testing.capture_logs() as told:
        AuditLog(FullDisk(), clock=lambda: NOW).record(Fact.ROTATED, sid="s")
    assert [line["event"] for line in told] == ["the audit log cannot be written"]


def test_a_stream_that_was_closed_fails_nobody() -> None:
    lines = io.StringIO()
    audit = AuditLog(lines, clock=lambda: NOW)
    lines.close()
    audit.record(Fact.ROTATED, sid="s")
