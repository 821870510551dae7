"""No process that holds keys can be dumped, or read by another process of its user."""

import subprocess
import sys
from pathlib import Path

import pytest
from support.launched import launched

LINUX = sys.platform == "linux"
NOBODY = 65534
# Prints what is so when the program ends.
COMMAND = """
import atexit, ctypes, resource, sys
def say():
    dumpable = ctypes.CDLL(None).prctl(3) if sys.platform == "linux" else 0
    print(dumpable, resource.getrlimit(resource.RLIMIT_CORE), file=sys.stderr)
atexit.register(say)
from token_server.cli import main
main()
"""
# As a user without rights: what root may do says nothing.
OF_THE_SAME_USER = f"""
import ctypes, os
from token_server.dumps import forbid_dumps
from token_server.signing import empty_library
if os.geteuid() == 0: os.setgroups([]); os.setgid({NOBODY}); os.setuid({NOBODY})
prctl = ctypes.CDLL(None).prctl
prctl(4, 1)  # A change of user has reset it.
forbid_dumps()
empty_library.load(["libofno.so"])  # It opens /proc/self/fd.
os.close(os.memfd_create("a tally"))
pid = os.getpid()
if os.fork() == 0:
    for file in ("mem", "maps", "environ"):
        try: print(open(f"/proc/{{pid}}/{{file}}", "rb") and "readable")
        except PermissionError: print("refused")
    os._exit(print(end="", flush=True) or 0)
os.wait()
"""


def test_a_worker_writes_no_core_and_is_not_dumpable(tmp_path: Path) -> None:
    with launched(tmp_path, {"WORKERS": "1"}) as server:
        assert server.get("/dumps") == "0 (0, 0)"


@pytest.mark.parametrize("words", [["keys", "--help"], ["config", "check"], ["serve", "--help"]])
def test_a_command_writes_no_core_and_is_not_dumpable(words: list[str], tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", COMMAND, *words],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr.splitlines()[-1] == "0 (0, 0)"


@pytest.mark.skipif(not LINUX, reason="only Linux refuses it")
def test_another_process_of_the_same_user_cannot_read_its_memory() -> None:
    done = subprocess.run(
        [sys.executable, "-c", OF_THE_SAME_USER], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["refused"] * 3
