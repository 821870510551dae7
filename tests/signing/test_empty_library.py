"""Empty libraries: the dynamic linker finds them by name, and nothing else changes."""

import subprocess
import sys

import pytest
from support.lanes import X86_64_LINUX

pytestmark = pytest.mark.skipif(not X86_64_LINUX, reason="of no use anywhere else")

LOADS_TWO = """
import ctypes
from pathlib import Path
from token_server.signing import empty_library

def is_found(name):
    try:
        return bool(ctypes.CDLL(name))
    except OSError:
        return False

names = "libofnouse.so", "libofnouseeither.so.12345678"
before = [is_found(name) for name in names]
empty_library.load(names)
after = [is_found(name) for name in names]
loaded = [line for line in Path("/proc/self/maps").read_text().splitlines() if "libofno" in line]
(stack,) = (line for line in Path("/proc/self/maps").read_text().splitlines() if "[stack]" in line)
print(before, after, {line.split()[1] for line in [*loaded, stack]}, len(loaded))
"""


def test_one_is_found_by_its_name_and_holds_no_code_and_leaves_the_stack_without() -> None:
    told = subprocess.run(
        [sys.executable, "-c", LOADS_TWO], capture_output=True, text=True, check=True
    )
    assert told.stdout == "[False, False] [True, True] {'rw-p'} 2\n"
