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


def check_owner_only(path: Path) -> None:
    """Raises: ValueError, where group or others may read or change it."""
    if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise ValueError("must name a file for its owner only: chmod 600")
