"""What the parent says never ends it."""

import os
import subprocess
import sys


def test_nobody_needs_to_listen() -> None:
    """`serve 2>&1 | head -1` goes on serving."""
    read_end, write_end = os.pipe()
    os.close(read_end)
    program = "from token_server.process.talk import say; say('one'); say('two')"
    done = subprocess.run([sys.executable, "-c", program], stderr=write_end, check=False)
    os.close(write_end)
    assert done.returncode == 0
