"""A change to an account, made on the store and told to the audit log."""

from collections.abc import Awaitable, Callable

from token_server.accounts.changes import AccountChanges
from token_server.app.store import accounts_on
from token_server.cli.running import run
from token_server.settings import Settings
from token_server.store.engine import Engine
from token_server.system import system_clock
from token_server.tokens.ports import Audit


def change_accounts(work: Callable[[AccountChanges], Awaitable[None]]) -> None:
    """Raises: Problem, TemporarilyUnavailable."""

    async def on_accounts(engine: Engine, settings: Settings, audit: Audit) -> None:
        accounts = accounts_on(engine, settings)
        await work(AccountChanges(accounts=accounts, audit=audit, clock=system_clock))

    run(on_accounts)
