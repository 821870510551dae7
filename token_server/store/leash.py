"""What ties a child process to its parent's life."""

import ctypes
import os
import signal
import sys
from collections.abc import Callable

PR_SET_PDEATHSIG = 1


def dies_with(parent: int) -> Callable[[], None] | None:
    """What the child of that process runs before its program starts; None: it cannot be tied.

    Linux sends the child SIGTERM when the *thread* that started it ends: start it from the
    main thread. Elsewhere a child outlives a parent that is killed.
    """
    if sys.platform != "linux":
        return None
    # Looked up here: between fork and exec little is safe.
    prctl = ctypes.CDLL(None, use_errno=True).prctl

    def tie() -> None:
        prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        # A parent that went before this line sends no signal any more.
        if os.getppid() != parent:
            os._exit(1)

    return tie
