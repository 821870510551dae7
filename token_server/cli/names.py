"""What several nouns share: a subject as an argument, a client by its id, a moment as text."""

from datetime import datetime

import click

from token_server.accounts.clients.file import load_clients
from token_server.accounts.usernames import canonical_name
from token_server.problems import Problem
from token_server.settings import Settings
from token_server.tokens.claims import is_subject
from token_server.tokens.clients import Client
from token_server.tokens.model import Subject


def _checked(_ctx: click.Context, _param: click.Parameter, name: str | None) -> Subject | None:
    if name is None:
        return None
    trimmed = name.strip()
    if not is_subject(trimmed):
        raise click.BadParameter("1 to 255 printable characters")
    return Subject(trimmed)


subject_argument = click.argument("name", callback=_checked)
all_of_subject = click.option(
    "--all", "name", metavar="NAME", callback=_checked, help="End every session of this subject."
)


def check_is_no_client(name: Subject, settings: Settings) -> None:
    """Raises: Problem, because access tokens of both would have the same `sub`."""
    clients = load_clients(settings.clients_file, settings.policy()).clients
    form = canonical_name(name) or name
    if any(form == (canonical_name(client_id) or client_id) for client_id in clients):
        raise Problem(
            f"{name} is the client_id of a registered client",
            hint="choose another name, or rename the client in CLIENTS_FILE",
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
