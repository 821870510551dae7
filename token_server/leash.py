"""What ties a process to its parent's life: a worker or a store does not outlive who runs it."""

import ctypes
import os
import signal
import sys
import threading
import time
from collections.abc import Callable

PR_SET_PDEATHSIG = 1
LOOKED_AFTER_EVERY = 0.5


def leash(parent: int, signal_: signal.Signals) -> Callable[[], None] | None:
    """What a child of that process calls to be sent the signal when it ends, or to end at once.

    Only Linux can; None: it cannot be tied. The signal comes when the *thread* that started the
    child ends: start it from the main thread.
    """
    if sys.platform != "linux":
        return None
    # Looked up here: between fork and exec little is safe.
    prctl = ctypes.CDLL(None, use_errno=True).prctl

    def tie() -> None:
        prctl(PR_SET_PDEATHSIG, signal_)
        # A parent that went before this line sends no signal any more.
        _die_if_orphaned(parent)

    return tie


def die_with(parent: int) -> None:
    """From now on this process is killed when that parent is gone."""
    if tie := leash(parent, signal.SIGKILL):
        tie()
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
