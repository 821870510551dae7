"""What the tests of processes rely on: both ways to look at processes see the same."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable

import pytest
from support.processes import (
    HAS_PROC,
    Process,
    children_of,
    is_alive,
    processes_in_proc,
    processes_that_ps_tells,
    wait_until,
)

Look = Callable[[], Iterable[Process]]
WAITS_FOR_STDIN = "import sys; sys.stdin.read()"

ways = pytest.mark.parametrize(
    "look",
    [
        pytest.param(processes_in_proc, marks=pytest.mark.skipif(not HAS_PROC, reason="no /proc")),
        pytest.param(
            processes_that_ps_tells,
            marks=pytest.mark.skipif(shutil.which("ps") is None, reason="no ps"),
        ),
    ],
)


@ways
def test_a_child_is_seen_whole_and_dead_once_it_is_a_zombie(look: Look) -> None:
    words = "a long command line " * 20

    def seen() -> Process:
        (found,) = (each for each in look() if each.pid == child.pid)
        return found

    with subprocess.Popen(
        [sys.executable, "-c", WAITS_FOR_STDIN, words], stdin=subprocess.PIPE
    ) as child:
        wait_until(lambda: words in seen().command_line)
        assert seen().is_alive
        assert seen().parent == os.getpid()
        child.kill()
        # Nobody has reaped it yet.
        wait_until(lambda: not seen().is_alive)


def test_of_several_one_that_lives_is_enough() -> None:
    gone = 2**22 + 1
    assert is_alive(gone, os.getpid())
    assert not is_alive(gone)
    assert os.getpid() in children_of(os.getppid())
