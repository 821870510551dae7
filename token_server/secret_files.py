"""The owners and modes that a file with a secret may have (docs/settings.md)."""

import os
import stat
from pathlib import Path

from token_server.problems import Problem


def check_secret(path: Path, found: os.stat_result) -> None:
    """Raises: Problem, if others may read or write the file."""
    # Kubernetes mounts a secret as root's and lets the pod's group read it (fsGroup); systemd's
    # credentials have an access list, which shows as a group that may read. Only root put us,
    # and whoever else is in that group, there. Anybody else's file is its owner's alone.
    ours = {0, os.getegid(), *os.getgroups()}
    refused = 0o037 if found.st_uid == 0 and found.st_gid in ours else 0o077
    check_mode(path, found, refused=refused)


def check_mode(path: Path, found: os.stat_result, *, refused: int) -> None:
    """Raises: Problem, if the file has any of these permission bits."""
    mode = stat.S_IMODE(found.st_mode)
    if mode & refused:
        raise Problem(f"{path} is open to others (mode {mode:04o})", hint=f"chmod 600 {path}")
