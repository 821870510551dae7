"""What the parent says to whoever started it, on stderr."""

import os
import sys
from contextlib import suppress

from token_server.problems import Problem


def say(text: str) -> None:
    # The server does not end because nobody listens to it any more; and what stayed in a buffer
    # would fail once more at the exit, and change its status.
    with suppress(OSError, ValueError):
        os.write(sys.stderr.fileno(), f"{text}\n".encode())


def say_problem(problem: Problem) -> None:
    say(f"error: {problem.text}")
    if problem.hint:
        say(f"hint: {problem.hint}")
