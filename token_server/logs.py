"""The log for people who run the server: one JSON line each, apart from the audit log."""

from typing import TextIO

import structlog


def log_to(stream: TextIO) -> None:
    """Send every room's log lines there."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            # Frames only: locals would hold tokens.
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.WriteLoggerFactory(stream),
    )
