"""What comes before a command: closed standard streams, and signals during the imports."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from support.processes import wait_until

COMMAND = [sys.executable, "-m", "token_server"]
CLOSED = "import os, sys; os.closerange(0, 3); os.execv(sys.executable, sys.argv[1:])"
SHOW_STREAMS = """
import os, sys
from token_server.cli.streams import open_closed_streams
open_closed_streams()
streams = [sys.stdin.fileno(), sys.stdout.fileno(), sys.stderr.fileno()]
same = all(os.fstat(each).st_rdev == os.stat(os.devnull).st_rdev for each in streams)
os._exit(0 if streams == [0, 1, 2] and same else 1)
"""
# An import that takes long, in place of the first one of the command line.
SLOW_IMPORT = "import os, time; os.mkfifo('begun'); time.sleep(60)"


def test_closed_standard_streams_are_dev_null() -> None:
    inner = [sys.executable, "-c", SHOW_STREAMS]
    subprocess.run([sys.executable, "-c", CLOSED, *inner], check=True)


def test_a_command_works_without_standard_streams(tmp_path: Path) -> None:
    keys = {"TOKEN_SERVER_KEYS_DIR": str(tmp_path / "keys")}
    inner = [*COMMAND, "keys", "init"]
    subprocess.run(
        [sys.executable, "-c", CLOSED, *inner], cwd=tmp_path, env=os.environ | keys, check=True
    )
    assert (tmp_path / "keys" / "keyset.json").exists()


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_during_the_imports_ends_a_command_without_a_traceback(
    tmp_path: Path, how: signal.Signals
) -> None:
    (tmp_path / "click.py").write_text(SLOW_IMPORT)
    path = os.pathsep.join([str(tmp_path), str(Path(__file__).parents[2])])
    with subprocess.Popen(
        [*COMMAND, "serve"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": path},
        stderr=subprocess.PIPE,
    ) as process:
        wait_until((tmp_path / "begun").exists)
        # These two end nothing.
        process.send_signal(signal.SIGHUP)
        process.send_signal(signal.SIGUSR1)
        process.send_signal(how)
        _, said = process.communicate(timeout=30)
    assert process.returncode == -how
    assert said == b""
