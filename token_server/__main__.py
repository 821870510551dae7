"""`python -m token_server` is `token-server`: what comes before its first import."""

import signal
import sys
from importlib import import_module
from typing import NoReturn


def main() -> NoReturn:
    """Run the command line. A signal during the imports ends it without a traceback."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        # The command takes Ctrl-C back once its imports are done.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    if sys.argv[1:2] == ["serve"]:
        for each in (signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2):
            signal.signal(each, signal.SIG_IGN)
    import_module("token_server.cli").main()
    raise AssertionError("the command line exits by itself")


if __name__ == "__main__":
    main()
