"""A change to an account, made on the store and reported to the audit log."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from token_server.accounts.changes import AccountChanges
from token_server.accounts.usernames import name_of_account
from token_server.app.store import accounts_on, session_ends
from token_server.cli.running import run
from token_server.settings import Settings
from token_server.store.engine import Engine
from token_server.store.session_list import SessionList
from token_server.system import system_clock
from token_server.tokens.model import EndReason, Subject
from token_server.tokens.ports import Audit, Fact

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """The account by its exact name, and how many live sessions it had before."""

    name: Subject
    sessions: int


def change_accounts(work: Callable[[AccountChanges], Awaitable[T]]) -> T:
    """Raises: Problem, TemporarilyUnavailable."""

    async def on_accounts(engine: Engine, settings: Settings, audit: Audit) -> T:
        return await work(_changes(engine, settings, audit))

    return run(on_accounts)


def change_account(
    typed: Subject,
    work: Callable[[AccountChanges, Subject], Awaitable[None]],
    *,
    end_sessions: bool = False,
) -> Changed:
    """Change the account that `typed` compares equal to. Raises: as above.

    `end_sessions`: end them after the change, which does not do so itself.
    """

    async def on_accounts(engine: Engine, settings: Settings, audit: Audit) -> Changed:
        name = await name_of_account(accounts_on(engine, settings), typed)
        live = await SessionList(engine).live(name)
        await work(_changes(engine, settings, audit), name)
        if end_sessions:
            await session_ends(engine, settings).end_all(name)
            audit.record(Fact.SESSIONS_ENDED, sub=name, because=EndReason.OPERATOR)
        return Changed(name=name, sessions=len(live))

    return run(on_accounts)


def _changes(engine: Engine, settings: Settings, audit: Audit) -> AccountChanges:
    accounts = accounts_on(engine, settings)
    return AccountChanges(accounts=accounts, audit=audit, clock=system_clock)
