"""A change to an account, made on the store and told to the audit log."""

from collections.abc import Awaitable, Callable

from token_server.accounts.changes import AccountChanges
from token_server.app import longest_kept
from token_server.cli.running import run
from token_server.settings import Settings
from token_server.store.accounts import Accounts
from token_server.store.engine import Engine
from token_server.system import system_clock
from token_server.tokens.ports import Audit


def accounts_on(engine: Engine, settings: Settings) -> Accounts:
    return Accounts(engine, keep=longest_kept(settings.policy()))


def change_accounts(work: Callable[[AccountChanges], Awaitable[None]]) -> None:
    """Raises: Problem, TemporarilyUnavailable."""

    async def on_accounts(engine: Engine, settings: Settings, audit: Audit) -> None:
        accounts = accounts_on(engine, settings)
        await work(AccountChanges(accounts=accounts, audit=audit, clock=system_clock))

    run(on_accounts)
