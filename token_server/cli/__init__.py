"""How the server is operated: one file per noun. Knows everybody.

Results go to stdout, talk goes to stderr as `error:` and `hint:`; exit 0 done, 1 failed, 2 wrong
usage.
"""

import gc
import os
import signal
import sys
from importlib import import_module
from typing import NoReturn

import click

from token_server.cli.messages import tell
from token_server.cli.streams import open_closed_streams
from token_server.dumps import forbid_dumps
from token_server.problems import Problem
from token_server.tokens.refusals import TemporarilyUnavailable

# Where each noun stands; imported only when it is called, so that each call starts fast.
NOUNS = {
    "clients": "token_server.cli.clients",
    "config": "token_server.cli.config",
    "demo": "token_server.cli.demo",
    "keys": "token_server.cli.keys",
    "serve": "token_server.cli.serve",
    "sessions": "token_server.cli.sessions",
    "store": "token_server.cli.store",
    "users": "token_server.cli.users",
}


class Nouns(click.Group):
    """The commands of `NOUNS`; each module holds one of its noun's name, as `command`."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return sorted(NOUNS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in NOUNS:
            return None
        # What is imported stays: to look for garbage in it, now and at the end, takes a third of
        # most commands.
        gc.disable()
        try:
            command: click.Command = import_module(NOUNS[cmd_name]).command
        finally:
            gc.freeze()
            gc.enable()
        # Imported here, because it takes longer than all of this file.
        import_module("token_server.cli.log_messages").print_log()
        if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:
            signal.signal(signal.SIGINT, signal.default_int_handler)  # See __main__.py.
        return command


@click.command(cls=Nouns)
@click.version_option(package_name="token-server")
def token_server() -> None:
    """Exchange, rotate, revoke and verify OAuth 2.0 tokens."""


def main() -> NoReturn:
    """Run the command line. A broken pipe or Ctrl-C is no traceback."""
    open_closed_streams()
    forbid_dumps()
    try:
        token_server.main(prog_name="token-server", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as bare:
        click.echo(bare.format_message(), err=True)
        sys.exit(bare.exit_code)
    except click.ClickException as wrong:
        context = getattr(wrong, "ctx", None)
        hint = f"{context.command_path} --help" if context else None
        tell(Problem(wrong.format_message(), hint=hint))
        sys.exit(wrong.exit_code)
    except Problem as problem:
        tell(problem)
        sys.exit(1)
    except TemporarilyUnavailable as unavailable:
        tell(Problem(f"the store cannot be used ({unavailable.reason})", hint="check STORE_URL"))
        sys.exit(1)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(128 + signal.SIGINT)
    except BrokenPipeError:
        # Python would flush stdout once more on its way out, and fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as fault:
        tell(Problem(f"the result cannot be written: {fault.strerror}"))
        sys.exit(1)
    sys.exit(0)
