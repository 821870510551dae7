"""Whether a file that a setting names can be used on this machine."""

import stat
from pathlib import Path


def check_readable(path: Path) -> None:
    """Raises: ValueError, with the rule and without what is in the file."""
    try:
        # Opening a pipe would wait for its writer.
        if not stat.S_ISREG(path.stat().st_mode):
            raise ValueError("must name a regular file")
        with path.open("rb"):
            pass
    except OSError as fault:
        raise ValueError(f"must name a file that can be read: {fault.strerror}") from None
