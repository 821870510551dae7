"""What an operator is told of verifiers that have not fetched the key that signs next."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from token_server.cli.keys import command
from token_server.cli.names import written
from token_server.signing.keystore import KeysDirectory
from token_server.store.connect import connect
from token_server.store.engine import Engine
from token_server.store.verifiers import Verifiers
from token_server.tokens.model import Kid

Keys = Callable[..., Result]
AN_HOUR_AGO = datetime.now(UTC) - timedelta(hours=1)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "keys"


@pytest.fixture
def kids(folder: Path) -> tuple[Kid, ...]:
    """The active key and the pending one, which verifiers may know by now."""
    return KeysDirectory(folder).ensure_first(
        key_size=2048, now=datetime.now(UTC) - timedelta(days=1)
    )


@pytest.fixture
def keys(folder: Path, store_socket: Path) -> Keys:
    def run(*arguments: str, store: str = f"unix://{store_socket}") -> Result:
        environment = {"TOKEN_SERVER_KEYS_DIR": str(folder), "TOKEN_SERVER_STORE_URL": store}
        return CliRunner().invoke(command, arguments, env=environment)

    return run


@pytest.fixture
def seen(store_socket: Path) -> Callable[..., None]:
    """Note what verifiers have fetched, in an empty store."""

    async def note(newest_by_agent: dict[str, str], at: datetime) -> None:
        async with connect(f"unix://{store_socket}") as client:
            await client.flushall()
            log = Verifiers(Engine(client, waits_for_fsync=False))
            for agent, newest in newest_by_agent.items():
                log.fetched("192.0.2.1", agent, Kid(newest))
            await log.write_down(at)

    return lambda at=AN_HOUR_AGO, **newest_by_agent: asyncio.run(note(newest_by_agent, at))


def test_list_shows_who_has_not_fetched_the_pending_key(
    keys: Keys, kids: tuple[Kid, ...], seen: Callable[..., None]
) -> None:
    active, pending = kids
    seen(new=pending, stale="a-key-long-gone")
    *_, first, row = keys("list").stdout.splitlines()
    assert first == f"1 verifier has not fetched the JWK Set since {pending} is in it:"
    assert row == f"  192.0.2.0/24  stale  last fetched {written(AN_HOUR_AGO)}"
    assert active not in row


def test_rotate_warns_before_the_key_signs_and_rotates_all_the_same(
    keys: Keys, kids: tuple[Kid, ...], seen: Callable[..., None]
) -> None:
    _, pending = kids
    seen(stale="x", staler="y")
    warning = f"warning: 2 verifiers have not fetched the JWK Set since {pending} is in it:"
    for arguments in (("rotate", "--now", "--dry-run"), ("rotate", "--now")):
        told = keys(*arguments)
        assert told.exit_code == 0
        assert told.stderr.splitlines()[0] == warning
    assert told.stdout.splitlines()[0] == f"rotated: {pending} signs from now on"


@pytest.mark.parametrize("arguments", [("list",), ("rotate", "--now", "--dry-run")])
def test_who_has_it_or_was_not_seen_for_a_month_is_not_told_of(
    keys: Keys, kids: tuple[Kid, ...], seen: Callable[..., None], arguments: tuple[str, ...]
) -> None:
    _, pending = kids
    seen(new=pending)
    assert "verifier" not in keys(*arguments).output.replace("verifiers know it", "")
    seen(stale="x", at=datetime.now(UTC) - timedelta(days=30))
    assert "fetched" not in keys(*arguments).output


def test_of_a_rotation_that_is_not_due_nobody_is_warned(
    keys: Keys, kids: tuple[Kid, ...], seen: Callable[..., None]
) -> None:
    assert kids
    seen(stale="x")
    assert "warning" not in keys("rotate").output


def test_where_no_store_runs_nothing_is_said(keys: Keys, kids: tuple[Kid, ...]) -> None:
    told = keys("list", store="unix:///nowhere/s")
    assert told.exit_code == 0
    assert kids[0] in told.stdout
    assert "fetched" not in told.output
