"""A worker does not outlive its parent, however that one dies."""

import ctypes
import os
import signal
import sys
import threading
import time

PR_SET_PDEATHSIG = 1
LOOKED_AFTER_EVERY = 0.5


def die_with(parent: int) -> None:
    """From now on this process is killed when that parent is gone."""
    if sys.platform == "linux":
        # Sent by the kernel when the thread that started us ends: the parent's only one.
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        # It may have ended before that line.
        _die_if_orphaned(parent)
    else:
        threading.Thread(target=watch, args=(parent,), daemon=True).start()


def watch(parent: int) -> None:
    """Look after the parent where the kernel does not."""
    while True:
        _die_if_orphaned(parent)
        time.sleep(LOOKED_AFTER_EVERY)


def _die_if_orphaned(parent: int) -> None:
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)
