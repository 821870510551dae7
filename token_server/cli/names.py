"""What several nouns share: a subject as an argument, a client by its id, a moment as text."""

from datetime import datetime

import click

from token_server.accounts.clients.file import load_clients
from token_server.problems import Problem
from token_server.settings import Settings
from token_server.tokens.claims import is_subject
from token_server.tokens.clients import Client
from token_server.tokens.model import Subject


def _checked(_ctx: click.Context, _param: click.Parameter, name: str | None) -> Subject | None:
    if name is not None and not is_subject(name):
        raise click.BadParameter("1 to 255 printable characters, no space at either end")
    return None if name is None else Subject(name)


subject_argument = click.argument("name", callback=_checked)
all_of_subject = click.option(
    "--all", "name", metavar="NAME", callback=_checked, help="End every session of this subject."
)


def registered(client_id: str, settings: Settings) -> Client:
    """Raises: Problem."""
    clients = load_clients(settings.clients_file, settings.policy()).clients
    if client_id not in clients:
        raise Problem(
            "there is no client of this id",
            hint='"token-server clients list" lists the registered ones',
        )
    return clients[client_id].client


def counted(number: int, noun: str) -> str:
    """`1 session`, `3 sessions`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def written(moment: datetime) -> str:
    """RFC 3339 in UTC, to the second."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
