"""In a worker: notes where it is, each few milliseconds of its CPU, a line for each stack.

Python runs a signal's handler between two of its own instructions: as soon as a call into C has
returned, in the frame that called; or where a function begins, and then all the time until there
was its caller's.
"""

import asyncio
import atexit
import os
import signal
import sys
from opcode import opmap
from types import CodeType, FrameType

WORKER = "token_server.process.worker"
FILE = "BENCH_STACKS"
EVERY_SECONDS = 0.002
"""Of CPU. Most kernels look 250 times a second, however often they are asked to."""
LOOP = asyncio.Runner.run.__code__
RESUME = opmap["RESUME"]


def note_stacks(file: int) -> None:
    def note(_: int, frame: FrameType | None) -> None:
        os.write(file, stack(frame).encode() + b"\n")

    signal.signal(signal.SIGPROF, note)
    # What it interrupts is begun again, as if nothing had happened.
    signal.siginterrupt(signal.SIGPROF, False)  # noqa: FBT003 - takes no names
    signal.setitimer(signal.ITIMER_PROF, EVERY_SECONDS, EVERY_SECONDS)
    # Its handler is gone before the process is, and a signal without one would kill it.
    atexit.register(signal.setitimer, signal.ITIMER_PROF, 0)


def stack(frame: FrameType | None) -> str:
    """File and function of each frame, the innermost first; nothing, where the loop itself is."""
    if frame and frame.f_lasti <= beginning(frame.f_code):
        frame = frame.f_back
    names = []
    while frame and frame.f_code is not LOOP:
        names.append(f"{frame.f_code.co_filename}:{frame.f_code.co_name}")
        frame = frame.f_back
    return "\t".join(names)


def beginning(code: CodeType) -> int:
    return code.co_code.index(RESUME)


if WORKER in sys.orig_argv and FILE in os.environ:
    note_stacks(os.open(os.environ[FILE], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600))
