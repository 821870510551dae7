"""Changes of a keyset, killed at each step: what is in the directory then.

`left_at_every_step` copies it before the change opens, locks, writes, syncs, renames or unlinks
anything, which is what a SIGKILL at that moment leaves. `python -m support.killed_changes CHANGE
ROOT` kills: the process of folder ROOT/1, a copy of ROOT/0, just before the first such step, that
of ROOT/2 before the second one, and so on, up to the first process that comes to its end. It
prints how many were killed.

`python -m support.killed_changes race FOLDER` rotates twenty times at once, and prints what each
time came to.
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
from token_server.signing.keeper import Changed
from token_server.signing.keystore import KeysDirectory
from token_server.signing.outcomes import Rotation
from token_server.signing.pem import read_private_key
from token_server.signing.rotation import KeyPolicy, Role
from token_server.signing.rsa_keys import KeyPair, public_part

CALLS = {fcntl.flock, open, os.open, os.fsync, os.rename, os.replace, os.unlink}
RACERS = 20
DUE = NOW + timedelta(days=90)
LATER = DUE + timedelta(hours=1)
POLICY = KeyPolicy(propagation_period=timedelta(hours=1), rotation_interval=timedelta(days=90))


def rotate(folder: Path) -> Changed[Rotation]:
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


def left_at_every_step(change: str, root: Path) -> int:
    """The folders ROOT/1, ROOT/2…: what ROOT/0 held before each step; how many steps."""
    running = Path(shutil.copytree(root / "0", root / "running"))
    steps = count(1)
    _before_each_step(lambda: shutil.copytree(running, root / str(next(steps))))
    try:
        CHANGES[change](running)
    finally:
        sys.setprofile(None)
    last = next(steps)
    running.rename(root / str(last))
    return last - 1


def _before_each_step(do: Callable[[], object]) -> None:
    def watch(_frame: FrameType, event: str, called: object) -> None:
        is_write = getattr(called, "__name__", "") == "write"
        if event == "c_call" and (is_write or called in CALLS):
            do()

    sys.setprofile(watch)


def _die_at(step: int) -> None:
    steps = count(1)

    def die() -> None:
        if next(steps) == step:
            os.kill(os.getpid(), signal.SIGKILL)

    _before_each_step(die)


def _kill(change: str, root: Path) -> None:
    for step in count(1):
        folder = root / str(step)
        shutil.copytree(root / "0", folder)
        # Forked before any thread is there: imports and keys are paid once.
        child = os.fork()
        if child == 0:
            _die_at(step)
            CHANGES[change](folder)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if os.waitstatus_to_exitcode(status) != -signal.SIGKILL:
            sys.stdout.write(f"{step - 1}\n")
            sys.exit(os.waitstatus_to_exitcode(status))


def _race(folder: Path) -> None:
    line, gun = os.pipe()
    racers = []
    for _ in range(RACERS):
        racer = os.fork()
        if racer == 0:
            os.close(gun)
            os.read(line, 1)
            outcome = rotate(folder).outcome
            os.write(sys.stdout.fileno(), f"{type(outcome).__name__}\n".encode())
            os._exit(0)
        racers.append(racer)
    # All of them are at the line, and find it closed.
    os.close(gun)
    statuses = [os.waitpid(racer, 0)[1] for racer in racers]
    sys.exit(any(statuses))


if __name__ == "__main__":
    if sys.argv[1] == "race":
        _race(Path(sys.argv[2]))
    _kill(sys.argv[1], Path(sys.argv[2]))
