"""Processes that change a keyset, in copies of one directory, each killed at its own step.

`python -m support.killed_changes CHANGE ROOT`: the process of folder ROOT/1, a copy of ROOT/0,
dies by SIGKILL just before it first opens, locks, writes, syncs, renames or unlinks anything, that
of ROOT/2 before the second time, and so on, up to the first process that comes to its end. Prints
how many were killed.
"""

import fcntl
import os
import shutil
import signal
import sys
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from itertools import count
from pathlib import Path
from types import FrameType

from support.keys import GRACE, NOW
from token_server.signing import rotation
from token_server.signing.keystore import KeysDirectory
from token_server.signing.pem import read_private_key
from token_server.signing.rotation import KeyPolicy, Role
from token_server.signing.rsa_keys import KeyPair, public_part

CALLS = {fcntl.flock, open, os.open, os.fsync, os.rename, os.replace, os.unlink}
DUE = NOW + timedelta(days=90)
LATER = DUE + timedelta(hours=1)
POLICY = KeyPolicy(propagation_period=timedelta(hours=1), rotation_interval=timedelta(days=90))


def rotate(folder: Path) -> object:
    command = partial(rotation.rotate, policy=POLICY)
    return KeysDirectory(folder).change(
        command, key_size=2048, clock=lambda: DUE, grace_period=GRACE
    )


def tidy(folder: Path) -> object:
    return KeysDirectory(folder).destroy_spent(LATER, grace_period=GRACE)


def revoke(folder: Path) -> object:
    keys = KeysDirectory(folder)
    kid = keys.load().keys[0].kid
    return keys.change(
        lambda keyset, now: rotation.revoke(keyset, kid, now, POLICY),
        key_size=2048,
        clock=lambda: DUE,
        grace_period=GRACE,
    )


def admit(folder: Path) -> object:
    private = read_private_key(folder.parent / "imported.pem", None)
    pair = KeyPair(public=public_part(private), private=private)
    return KeysDirectory(folder).change(
        lambda keyset, now: rotation.admit(keyset, pair.public, Role.PENDING, now, POLICY),
        key_size=2048,
        clock=lambda: DUE,
        grace_period=GRACE,
        imported=pair,
    )


def encrypt(folder: Path) -> object:
    return KeysDirectory(folder).change_passphrase(folder.parent / "passphrase")


def decrypt(folder: Path) -> object:
    passphrase_file = folder.parent / "passphrase"
    return KeysDirectory(folder, passphrase_file=passphrase_file).change_passphrase(None)


CHANGES: dict[str, Callable[[Path], object]] = {
    "rotate": rotate,
    "tidy": tidy,
    "revoke": revoke,
    "import": admit,
    "encrypt": encrypt,
    "decrypt": decrypt,
}


def die_at(step: int) -> None:
    steps = count(1)

    def watch(_frame: FrameType, event: str, called: object) -> None:
        is_write = getattr(called, "__name__", "") == "write"
        if event == "c_call" and (is_write or called in CALLS) and next(steps) == step:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.setprofile(watch)


def main(change: Callable[[Path], object], root: Path) -> None:
    for step in count(1):
        folder = root / str(step)
        shutil.copytree(root / "0", folder)
        # Forked before any thread is there: imports and keys are paid once.
        child = os.fork()
        if child == 0:
            die_at(step)
            change(folder)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if os.waitstatus_to_exitcode(status) != -signal.SIGKILL:
            sys.stdout.write(f"{step - 1}\n")
            sys.exit(os.waitstatus_to_exitcode(status))


if __name__ == "__main__":
    main(CHANGES[sys.argv[1]], Path(sys.argv[2]))
