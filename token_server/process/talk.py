"""What the parent says to whoever started it, on stderr."""

import sys
from contextlib import suppress

from token_server.problems import Problem


def say(text: str) -> None:
    # The server does not end because nobody listens to it any more.
    with suppress(OSError, ValueError):
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()


def say_problem(problem: Problem) -> None:
    say(f"error: {problem.text}")
    if problem.hint:
        say(f"hint: {problem.hint}")
