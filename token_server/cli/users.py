"""`users`: the accounts that may log in."""

import json
from typing import BinaryIO

import click

from token_server.accounts.changes import AccountChanges
from token_server.accounts.passwords import Passwords
from token_server.accounts.profile import LARGEST_PROFILE, read_profile
from token_server.app.store import accounts_on
from token_server.cli.account_changes import Changed, change_account, change_accounts
from token_server.cli.arguments import Noun
from token_server.cli.names import check_is_no_client, counted, subject_argument, written
from token_server.cli.password_input import chosen_password
from token_server.cli.running import run
from token_server.settings import Settings, load_settings
from token_server.store.engine import Engine
from token_server.tokens.model import Account, Subject
from token_server.tokens.ports import Audit

_generate = click.option("--generate", is_flag=True, help="Make the password; print it once.")


@click.group(cls=Noun, name="users")
def command() -> None:
    """Add, list, disable and remove the accounts that may log in."""


@command.command()
@subject_argument
@_generate
@click.option("--profile", type=click.File("rb"), help="A JSON object: its public document.")
def add(name: Subject, profile: BinaryIO | None, *, generate: bool) -> None:
    """Add an account.

    Its password is the first line of stdin; at a terminal it is asked for.
    """
    document = read_profile(profile.read(LARGEST_PROFILE + 1)) if profile else "{}"
    password = chosen_password(name, generate=generate)

    check_is_no_client(name, load_settings())

    async def work(changes: AccountChanges) -> Subject:
        password_hash = await Passwords().hash(password)
        return await changes.add(name, password_hash=password_hash, profile=document)

    _say(f"added {change_accounts(work)}")
    if generate:
        click.echo(password)


@command.command()
@subject_argument
@_generate
@click.option("--keep-sessions", is_flag=True, help="Do not end the account's sessions.")
def passwd(name: Subject, *, generate: bool, keep_sessions: bool) -> None:
    """Set an account's password, and end its sessions.

    The password is the first line of stdin; at a terminal it is asked for.
    """
    password = chosen_password(name, generate=generate)

    async def work(changes: AccountChanges, found: Subject) -> None:
        await changes.set_password(found, password_hash=await Passwords().hash(password))

    done = change_account(name, work, end_sessions=not keep_sessions)
    _say(f"changed the password of {done.name}; {_sessions(done, kept=keep_sessions)}")
    if generate:
        click.echo(password)


@command.command()
@subject_argument
def disable(name: Subject) -> None:
    """Refuse an account's log-ins and end all its sessions."""
    done = change_account(name, AccountChanges.disable)
    _say(f"disabled {done.name}; {_sessions(done)}")


@command.command()
@subject_argument
def enable(name: Subject) -> None:
    """Let a disabled account log in again."""
    done = change_account(name, AccountChanges.enable)
    _say(f"enabled {done.name}")


@command.command()
@subject_argument
def remove(name: Subject) -> None:
    """Forget an account and end all its sessions."""
    done = change_account(name, AccountChanges.remove)
    _say(f"removed {done.name}; {_sessions(done)}")


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON array.")
def list_accounts(*, as_json: bool) -> None:
    """List the accounts, by name."""

    async def work(engine: Engine, settings: Settings, _audit: Audit) -> list[Account]:
        return await accounts_on(engine, settings).all()

    accounts = run(work)
    if as_json:
        click.echo(json.dumps([_row(account) for account in accounts], indent=2))
        return
    for account in accounts:
        state = "disabled" if account.disabled else "enabled"
        click.echo(f"{state:8}  {written(account.created_at)}  {account.name}")


def _row(account: Account) -> dict[str, object]:
    return {
        "name": account.name,
        "disabled": account.disabled,
        "created_at": written(account.created_at),
        "updated_at": written(account.updated_at),
        "password_updated_at": written(account.password_updated_at),
        "profile": json.loads(account.profile),
    }


def _sessions(done: Changed, *, kept: bool = False) -> str:
    return f"{'kept' if kept else 'ended'} {counted(done.sessions, 'session')}"


def _say(what: str) -> None:
    # On stderr: on stdout stands a generated password, and nothing else.
    click.echo(f"{what}", err=True)
