"""Runs a command's work against the store: the running server's, or one started for it."""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import TypeVar

import click

from token_server.app.memory import check_store
from token_server.app.store import open_engine
from token_server.audit import AuditLog
from token_server.settings import Settings, load_settings
from token_server.store.embedded import embedded_in
from token_server.store.engine import Engine
from token_server.system import system_clock
from token_server.tokens.ports import Audit

T = TypeVar("T")


def run(work: Callable[[Engine, Settings, Audit], Awaitable[T]]) -> T:
    """What the work answers. Raises: Problem, TemporarilyUnavailable."""
    settings = load_settings()
    # Results have stdout for themselves; the audit lines of a command go where its talk goes.
    audit = AuditLog(sys.stderr, clock=system_clock)

    async def on_the_store() -> T:
        async with open_engine(settings) as engine:
            await check_store(engine, settings)
            return await work(engine, settings, audit)

    with store_of(settings):
        return asyncio.run(on_the_store())


@contextmanager
def store_of(settings: Settings, *, must_exist: bool = True) -> Iterator[None]:
    """The store that the settings name; an embedded one runs for as long as it is needed.

    Raises: Problem, where `must_exist` and an embedded one has no data.
    """
    url = settings.store_url.get_secret_value()
    with embedded_in(url, must_exist=must_exist) or nullcontext() as store:
        if store and store.is_ours:
            click.echo(
                f"no server runs: started the store of {store.socket_path.parent}", err=True
            )
        yield
