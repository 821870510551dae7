"""`store`: decide what to do about a store that is not the recorded one."""

import asyncio
import sys

import click

from token_server.app.memory import CHECK_INTERVAL, record_file, store_name
from token_server.app.store import open_engine
from token_server.audit import AuditLog
from token_server.cli.running import store_of
from token_server.problems import Problem
from token_server.settings import Settings, load_settings
from token_server.signing.store_record import StoreRecordFile
from token_server.store.memory import find_secret, identity_of, load_secret
from token_server.system import system_clock
from token_server.tokens.ports import Fact


@click.group("store")
def command() -> None:
    """Decide what to do about a store that is not the recorded one."""


@command.command()
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
def accept(*, yes: bool) -> None:
    """Record the present store in KEYS_DIR in place of one that is lost.

    Every session of the lost store ends.
    """
    settings = load_settings()
    file = record_file(settings)
    if file is None:
        raise Problem(
            "with KEYS_URL=store: no store is recorded, because the keys lie in the store as well",
            hint="restart the servers to use the present store",
        )
    recorded = _recorded(file)
    with store_of(settings):
        found = asyncio.run(_identity(settings, make=False))
        click.echo(f"recorded in {file.path.resolve()}: {recorded or 'none'}", err=True)
        click.echo(f"found in {store_name(settings)}: {found or 'no data of a server'}", err=True)
        if found is not None and found == recorded:
            click.echo("the store is the recorded one; nothing is changed", err=True)
            return
        _confirm(yes=yes)
        accepted = asyncio.run(_identity(settings, make=True))
        file.replace(str(accepted), now=system_clock())
    AuditLog(sys.stderr, clock=system_clock).record(
        Fact.STORE_ACCEPTED, store=str(accepted), before=recorded or ""
    )
    click.echo(f"accepted: {accepted}", err=True)
    click.echo(
        "hint: running servers with this KEYS_DIR use the store "
        f"within {CHECK_INTERVAL.total_seconds():g} s; none needs a restart",
        err=True,
    )


def _recorded(file: StoreRecordFile) -> str | None:
    """The recorded identity; of a damaged record, what is wrong with it."""
    try:
        record = file.read()
    except Problem as problem:
        return problem.text
    return record.identity if record else None


def _confirm(*, yes: bool) -> None:
    if yes:
        return
    if not sys.stdin.isatty():
        raise Problem(
            "the command must be confirmed on a terminal",
            hint="--yes confirms it: every session of the recorded store ends",
        )
    click.confirm("End every session of the recorded store?", abort=True, err=True)


async def _identity(settings: Settings, *, make: bool) -> str | None:
    async with open_engine(settings) as engine:
        secret = await (load_secret(engine) if make else find_secret(engine))
    return None if secret is None else identity_of(secret)
