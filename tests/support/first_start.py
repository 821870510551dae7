"""Processes that ensure a first keyset, in folders below one, each killed at its own step.

`python -m support.first_start ROOT`: the process of folder ROOT/1 dies by SIGKILL just before it
first opens, renames or makes a file of its folder, that of ROOT/2 before the second time, and so
on, up to the first process that comes to its end. Prints how many were killed.
"""

import os
import signal
import sys
from itertools import count
from pathlib import Path

from support.keys import NOW
from token_server.signing.keystore import KeysDirectory

WRITES = {"open", "os.rename", "os.mkdir", "os.chmod"}


def start(folder: Path) -> tuple[str, ...]:
    return KeysDirectory(folder).ensure_first(key_size=2048, now=NOW)


def die_at(step: int, folder: Path) -> None:
    steps = count(1)

    def watch(event: str, arguments: tuple[object, ...]) -> None:
        about_folder = event in WRITES and str(folder) in str(arguments[0])
        if about_folder and next(steps) == step:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(watch)


def main(root: Path) -> None:
    for step in count(1):
        folder = root / str(step)
        # Forked before any thread is there: imports are paid once.
        child = os.fork()
        if child == 0:
            die_at(step, folder)
            start(folder)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if os.waitstatus_to_exitcode(status) != -signal.SIGKILL:
            sys.stdout.write(f"{step - 1}\n")
            sys.exit(os.waitstatus_to_exitcode(status))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
