"""What is logged while a command runs: messages on stderr, like those of the command."""

from typing import NoReturn

import structlog
from structlog.typing import EventDict, WrappedLogger

from token_server.cli.messages import print_message
from token_server.problems import Problem


def print_log() -> None:
    """Print what is logged while a command runs in the same form, on stderr."""
    structlog.configure(processors=[_print_event])


def _print_event(_logger: WrappedLogger, level: str, event: EventDict) -> NoReturn:
    text, hint = event.pop("event"), event.pop("hint", None)
    details = ", ".join(f"{name}: {value}" for name, value in event.items())
    print_message(level, Problem(f"{text} ({details})" if details else f"{text}", hint=hint))
    raise structlog.DropEvent
