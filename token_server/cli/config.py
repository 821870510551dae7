"""`token-server config`: are the settings good, and what is in force."""

import json
from dataclasses import asdict

import click

from token_server.accounts.clients.file import load_clients
from token_server.app.warnings import warnings_of
from token_server.cli.arguments import Noun
from token_server.cli.messages import warn
from token_server.process.tls import tls_of
from token_server.settings import Effective, effective_settings, load_settings
from token_server.system import system_clock

UNSET = {
    "WORKERS": "one per core",
    "RECOVERY_PERIOD": "as long as the refresh token lives",
}


@click.group(cls=Noun, name="config")
def command() -> None:
    """Check and show the settings."""


@command.command()
def check() -> None:
    """Print everything that is wrong with the settings, or that they are good.

    The clients file and the TLS files are checked, too. Warnings are printed on stderr.
    """
    settings = load_settings()
    load_clients(settings.clients_file, settings.policy())
    tls_of(settings)
    for each in warnings_of(settings, now=system_clock()):
        warn(each)
    click.echo("settings are good")


@command.command()
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list.")
def show(*, as_json: bool) -> None:
    """Print each setting in force, and whether default, environment or file set it."""
    settings = effective_settings()
    if as_json:
        click.echo(json.dumps([asdict(each) for each in settings], indent=2))
        return
    rows = [(each.name, _text(each), each.source) for each in settings]
    name_width, value_width = (max(len(row[column]) for row in rows) for column in (0, 1))
    for name, value, source in rows:
        click.echo(f"{name:{name_width}}  {value:{value_width}}  {source}")


def _text(setting: Effective) -> str:
    if setting.value is None or setting.value == []:
        return UNSET.get(setting.name, "none")
    return ",".join(setting.value) if isinstance(setting.value, list) else str(setting.value)
