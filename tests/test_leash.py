"""A child notices that its parent is gone, also where the kernel does not say so."""

import signal
import subprocess
import sys

import pytest
from support.processes import is_alive, wait_until

from token_server.leash import leash

FAMILY = """
import subprocess, sys, os
child = subprocess.Popen([sys.executable, "-c", sys.argv[1], str(os.getpid())])
print(child.pid, flush=True)
child.wait()
"""
WATCHING = """
import sys
from token_server.leash import watch
print("begun", flush=True)
watch(int(sys.argv[1]))
"""
TIED = """
import signal, sys
from token_server.leash import die_with
die_with(int(sys.argv[1]))
print("begun", flush=True)
signal.pause()
"""


@pytest.mark.parametrize("program", [WATCHING, TIED], ids=["watching", "tied"])
def test_a_child_dies_soon_after_its_parent(program: str) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", FAMILY, program], stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout
        child = int(parent.stdout.readline())
        assert parent.stdout.readline() == "begun\n"
        parent.kill()
    wait_until(lambda: not is_alive(child), seconds=5)


@pytest.mark.parametrize("program", [WATCHING, TIED], ids=["watching", "tied"])
def test_a_child_whose_parent_went_before_dies_at_once(program: str) -> None:
    somebody_else = "1"
    done = subprocess.run([sys.executable, "-c", program, somebody_else], check=False, timeout=20)
    assert done.returncode == -signal.SIGKILL


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ties a child to its parent")
def test_a_child_tied_before_its_program_starts_ends_at_once_where_its_parent_went_before() -> (
    None
):
    gone = 2**22 + 1
    with subprocess.Popen(
        ["sleep", "60"],  # noqa: S607
        preexec_fn=leash(gone, signal.SIGTERM),  # noqa: PLW1509 - what is tested
    ) as child:
        assert child.wait() == -signal.SIGKILL
