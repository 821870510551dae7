"""A change to an account, made on the store and reported to the audit log."""

from collections.abc import Awaitable, Callable

from token_server.accounts.changes import AccountChanges
from token_server.app.store import accounts_on, session_ends
from token_server.cli.running import run
from token_server.settings import Settings
from token_server.store.engine import Engine
from token_server.store.session_list import SessionList
from token_server.system import system_clock
from token_server.tokens.model import EndReason, Subject
from token_server.tokens.ports import Audit, Fact

Change = Callable[[AccountChanges], Awaitable[None]]


def change_accounts(work: Change) -> None:
    """Raises: Problem, TemporarilyUnavailable."""

    async def on_accounts(engine: Engine, settings: Settings, audit: Audit) -> None:
        await work(_changes(engine, settings, audit))

    run(on_accounts)


def change_and_count_sessions(name: Subject, work: Change, *, end_sessions: bool = False) -> int:
    """Return how many live sessions the account had before the change.

    `end_sessions`: end them after the change, which does not do so itself.
    """

    async def on_accounts(engine: Engine, settings: Settings, audit: Audit) -> int:
        live = await SessionList(engine).live(name)
        await work(_changes(engine, settings, audit))
        if end_sessions:
            await session_ends(engine, settings).end_all(name)
            audit.record(Fact.SESSIONS_ENDED, sub=name, because=EndReason.OPERATOR)
        return len(live)

    return run(on_accounts)


def _changes(engine: Engine, settings: Settings, audit: Audit) -> AccountChanges:
    accounts = accounts_on(engine, settings)
    return AccountChanges(accounts=accounts, audit=audit, clock=system_clock)
