"""Runs the launcher as `token-server serve` does, but with an app of support/launched_apps.py.

python -m support.launch OPENER START_UP_SECONDS DRAIN_SECONDS
"""

import sys

from token_server.cli.messages import tell
from token_server.problems import Problem
from token_server.process.launcher import serve
from token_server.settings import load_settings

if __name__ == "__main__":
    _, opener, start_up_seconds, drain_seconds = sys.argv
    try:
        serve(
            load_settings(),
            prepare=lambda _: b"",
            opener=f"support.launched_apps:{opener}",
            start_up_seconds=float(start_up_seconds),
            drain_seconds=int(drain_seconds),
        )
    except Problem as problem:
        tell(problem)
        sys.exit(1)
