"""What must be on disk before it is answered: each method of the store layer, and what it does.

A method that has no row in support/store_methods.py fails the last test of this file.
"""

import importlib
import inspect
import pkgutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from support.accounts import an_account
from support.store_methods import ROWS, WITHOUT_A_ROW, Bench, Kind, Row, WatchedEngine, changes
from support.valkey import running_valkey

from token_server import store
from token_server.problems import Problem
from token_server.store.connect import connect
from token_server.store.engine import Engine
from token_server.store.memory import StoreMemory, load_secret
from token_server.tokens.refusals import StoreUnavailable

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def forgetful() -> Iterator[str]:
    """The URL of a store that brings nothing to the disk, so that no promise can be kept there."""
    with (
        TemporaryDirectory() as folder,
        running_valkey(Path(folder), "--appendonly", "no") as path,
    ):
        yield f"unix://{path}"


@pytest.fixture
async def bench(forgetful: str) -> AsyncIterator[Bench]:
    async with connect(forgetful) as client:
        await client.flushall()
        engine = WatchedEngine(client, waits_for_fsync=False)
        WatchedEngine.durable_changes = None
        bench = Bench(forgetful, engine, StoreMemory(engine, await load_secret(engine)))
        bench.session = await bench.desk.begin(bench.clock())
        await bench.accounts.add(an_account())
        yield bench


def rows(*kinds: Kind) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(
        "row", [r for r in ROWS if r.kind in kinds], ids=lambda r: r.name
    )


@rows(Kind.DURABLE)
async def test_a_promise_is_not_given_while_it_is_not_on_disk(bench: Bench, row: Row) -> None:
    await row.prepare(bench)
    bench.engine.waits_for_fsync = True
    with pytest.raises((StoreUnavailable, Problem)) as refused:
        await row.act(bench)
    if isinstance(refused.value, Problem):
        assert isinstance(refused.value.__cause__, StoreUnavailable)


@rows(Kind.DURABLE)
async def test_nothing_is_written_after_the_wait_for_the_disk(bench: Bench, row: Row) -> None:
    await row.prepare(bench)
    WatchedEngine.durable_changes = None
    await row.act(bench)
    assert WatchedEngine.durable_changes == await changes(bench.engine.client)


@rows(Kind.FORGETTABLE)
async def test_what_a_crash_may_take_is_written_and_not_waited_for(bench: Bench, row: Row) -> None:
    await row.prepare(bench)
    bench.engine.waits_for_fsync = True
    before = await changes(bench.engine.client)
    await row.act(bench)
    assert await changes(bench.engine.client) > before


@rows(Kind.READS)
async def test_what_only_reads_changes_nothing(bench: Bench, row: Row) -> None:
    await row.prepare(bench)
    before = await changes(bench.engine.client)
    await row.act(bench)
    assert await changes(bench.engine.client) == before


def test_each_method_of_the_store_layer_has_a_row() -> None:
    assert set(_methods()) - {row.method for row in ROWS} == set(WITHOUT_A_ROW)


def _methods() -> Iterator[str]:
    """The public methods and functions of all modules that are given an engine."""
    for found in pkgutil.iter_modules(store.__path__, f"{store.__name__}."):
        module = importlib.import_module(found.name)
        if module.__name__ == Engine.__module__ or Engine not in vars(module).values():
            continue
        own = {name: o for name, o in vars(module).items() if _is_of(o, module.__name__)}
        yield from (name for name, o in own.items() if inspect.iscoroutinefunction(o))
        for name, o in own.items():
            if inspect.isclass(o):
                public = (each for each in vars(o) if not each.startswith("_"))
                yield from (f"{name}.{each}" for each in public if callable(getattr(o, each)))


def _is_of(found: object, module: str) -> bool:
    name = getattr(found, "__name__", "_")
    return getattr(found, "__module__", None) == module and not name.startswith("_")
