"""The standard streams that a command is started with."""

import os
import sys


def open_closed_streams() -> None:
    """Open /dev/null in place of each standard stream that is closed.

    A file or socket that got its number would be read or written as that stream.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            # All lower numbers are taken, so this one is the next.
            os.open(os.devnull, os.O_RDWR)
            os.set_inheritable(number, True)  # noqa: FBT003 - has no name
            mode = "r" if number == 0 else "w"
            setattr(sys, name, os.fdopen(number, mode, closefd=False))
