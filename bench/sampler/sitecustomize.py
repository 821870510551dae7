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
from typing import NamedTuple

WORKER = "token_server.process.worker"
FILE = "BENCH_STACKS"
EVERY_SECONDS = 0.002
"""Of CPU. Most kernels look 250 times a second, however often they are asked to."""
WRITTEN_AT_ONCE = 10
"""Between signatures whatever is done is slow: so as little as can be with each."""
LOOP = asyncio.Runner.run.__code__
RESUME = opmap["RESUME"]


class Noted(NamedTuple):
    codes: list[CodeType]
    """The innermost first; none, where the loop itself was at work."""
    at: int
    """How far in the innermost."""


def note_stacks(file: int) -> None:
    noted: list[Noted] = []

    def note(_: int, frame: FrameType | None) -> None:
        at, codes = frame.f_lasti if frame else 0, []
        while frame and frame.f_code is not LOOP:
            codes.append(frame.f_code)
            frame = frame.f_back
        noted.append(Noted(codes, at))
        if len(noted) >= WRITTEN_AT_ONCE:
            os.write(file, "".join(map(line_of, noted)).encode())
            noted.clear()

    signal.signal(signal.SIGPROF, note)
    # What it interrupts is begun again, as if nothing had happened.
    signal.siginterrupt(signal.SIGPROF, False)  # noqa: FBT003 - takes no names
    signal.setitimer(signal.ITIMER_PROF, EVERY_SECONDS, EVERY_SECONDS)
    # Its handler is gone before the process is, and a signal without one would kill it.
    atexit.register(signal.setitimer, signal.ITIMER_PROF, 0)


def line_of(noted: Noted) -> str:
    """File and function of each."""
    begins = noted.codes and noted.at <= noted.codes[0].co_code.index(RESUME)
    codes = noted.codes[1:] if begins else noted.codes
    return "\t".join(f"{each.co_filename}:{each.co_name}" for each in codes) + "\n"


if WORKER in sys.orig_argv and FILE in os.environ:
    note_stacks(os.open(os.environ[FILE], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600))
