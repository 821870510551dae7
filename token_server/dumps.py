"""Keep the memory of a process that holds keys out of core dumps, and from other processes."""

import ctypes
import resource
import sys

PR_SET_DUMPABLE = 4


def forbid_dumps() -> None:
    """Write no core file; on Linux, let no process of the same user read this one's memory.

    A program that this process executes can be read again, and inherits the limit.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0)
