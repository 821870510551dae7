"""`token-server serve`: the server itself."""

import click

from token_server.app.preparing import prepare, report_policies
from token_server.cli.arguments import Verb
from token_server.process.launcher import serve
from token_server.settings import load_settings
from token_server.signing.keyset_file import check_clock
from token_server.system import system_clock


@click.command(cls=Verb, name="serve")
def command() -> None:
    """Run the server in the foreground, as the settings say."""
    check_clock(system_clock())
    serve(
        load_settings(),
        prepare=prepare,
        opener="token_server.app.server:open_app",
        report=report_policies,
    )
