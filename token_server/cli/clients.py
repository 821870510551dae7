"""`token-server clients`: is the clients file good, and whom it registers."""

import json
from collections.abc import Collection

import click

from token_server.accounts.clients.file import load_clients
from token_server.accounts.clients.registered import Registered, RegisteredClient
from token_server.app.names import shared_names
from token_server.app.store import accounts_on
from token_server.cli.arguments import Noun
from token_server.cli.messages import warn
from token_server.cli.running import run
from token_server.durations import write_duration
from token_server.problems import Problem
from token_server.settings import Settings, load_settings
from token_server.store.engine import Engine
from token_server.tokens.clients import AuthMethod, Client
from token_server.tokens.model import Subject
from token_server.tokens.ports import Audit
from token_server.tokens.refusals import TemporarilyUnavailable


@click.group(cls=Noun, name="clients")
def command() -> None:
    """Check and list the registered clients."""


@command.command()
def check() -> None:
    """Say everything that is wrong with the clients file, or that it is good."""
    registered = _load()
    _check_names(registered.clients)
    click.echo(
        f"the clients file is good: {_count(len(registered.clients), 'client')}, "
        f"{_count(len(registered.issuers), 'trusted issuer')}"
    )


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON array.")
def list_clients(*, as_json: bool) -> None:
    """List the registered clients, by id, without their secrets and keys."""
    clients = [client for _, client in sorted(_load().clients.items())]
    if as_json:
        click.echo(json.dumps([_row(each) for each in clients], indent=2))
        return
    for each in clients:
        client = each.client
        name = f"  ({each.name})" if each.name else ""
        click.echo(f"{'+'.join(_methods(client)):19}  {client.client_id}{name}")


def _check_names(client_ids: Collection[str]) -> None:
    """Raises: Problem, if a client has the name of an account."""

    async def names(engine: Engine, settings: Settings, _audit: Audit) -> list[Subject]:
        return await accounts_on(engine, settings).names()

    if not client_ids:
        return
    try:
        accounts = run(names)
    except (Problem, TemporarilyUnavailable):
        # The file can be checked on a machine without the store.
        warn(Problem("the store cannot be used, so names of accounts were not compared"))
        return
    problems = list(shared_names(accounts, client_ids))
    if problems:
        raise Problem("\n".join(each.text for each in problems), hint=problems[0].hint)


def _load() -> Registered:
    settings = load_settings()
    if settings.clients_file is None:
        click.echo("CLIENTS_FILE is not set: nobody is registered", err=True)
    return load_clients(settings.clients_file, settings.policy())


def _methods(client: Client) -> list[str]:
    return [str(method) for method in AuthMethod if method in client.auth_methods]


def _row(registered: RegisteredClient) -> dict[str, object]:
    """The members of the file, with what follows for those that are not in it."""
    client = registered.client
    methods = _methods(client)
    policy = client.policy
    return {
        "client_id": client.client_id,
        "client_name": registered.name,
        "token_endpoint_auth_method": methods if len(methods) > 1 else methods[0],
        "grant_types": sorted(client.grants),
        "scope": " ".join(client.scope),
        "audiences": list(client.audiences),
        "access_token_format": client.access_token_format,
        "access_token_lifetime": write_duration(policy.access_token_lifetime),
        "refresh_token_lifetime": write_duration(policy.refresh_token_lifetime),
        "session_lifetime": policy.session_lifetime and write_duration(policy.session_lifetime),
        "refresh_policy": _refresh_policy(client),
        "on_reuse": client.on_reuse,
        "introspect": "any" if client.introspects_any else "own",
        "may_exchange": sorted(client.may_exchange),
        **(_assertions(registered) if AuthMethod.PRIVATE_KEY_JWT in client.auth_methods else {}),
    }


def _assertions(registered: RegisteredClient) -> dict[str, object]:
    return {
        "assertion_audience": registered.assertion_audience,
        "max_assertion_lifetime": write_duration(registered.max_assertion_lifetime),
    }


def _refresh_policy(client: Client) -> str | None:
    """None: the dialect's."""
    if client.reusable is None:
        return None
    return "reusable" if client.reusable else "rotating"


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
