"""What a running server records and destroys in its keys directory, where it may write to it."""

import asyncio
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path

import pytest
from redis.asyncio import Redis
from structlog.testing import capture_logs
from support.keys import GRACE, NOW, public_key, revoked_keyset, rotated_keyset
from support.reloading import DAY, TIMES, Follower, follow, lay_down
from support.valkey import running_valkey

from token_server.signing import keyset_file
from token_server.signing.folder import KeysFolder
from token_server.signing.keystore import KeysDirectory
from token_server.signing.lifecycle import Keyset
from token_server.store.connect import connect
from token_server.tokens.model import LEEWAY

pytestmark = pytest.mark.anyio

KIDS = [public_key(number).kid for number in range(3)]
ROTATION = NOW + DAY
TICK = timedelta(microseconds=1)
NOBODY = 65534


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    lay_down(tmp_path / "keys", rotated_keyset(), 0, 1, 2)
    return tmp_path / "keys"


@pytest.fixture
async def server(folder: Path, redis: Redis) -> Follower:
    server = await follow(folder, redis)
    await server.expiries.reserve(KIDS[0], ROTATION + 2 * DAY)
    return server


@pytest.fixture
def read_only() -> Iterator[Path]:
    """A directory that its owner may not write to; root, who may, becomes somebody else."""
    root = Path(tempfile.mkdtemp())
    folder = root / "keys"
    lay_down(folder, rotated_keyset(), 0, 1, 2)
    user = os.geteuid()
    if user == 0:
        for path in (root, folder, *folder.iterdir()):
            os.chown(path, NOBODY, -1)
        os.seteuid(NOBODY)
    folder.chmod(0o500)
    yield folder
    os.seteuid(user)
    shutil.rmtree(root)


def on_disk(folder: Path) -> Keyset:
    return KeysDirectory(folder).load()


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


async def test_when_a_key_leaves_is_recorded_once_every_server_has_stopped_to_sign_with_it(
    server: Follower, folder: Path
) -> None:
    server.clock.now = ROTATION + TIMES.propagation_period - TICK
    await server.look_and_tidy_up()
    assert on_disk(folder).keys[0].drops_at is None
    # As late as that, a server that had not noticed the rotation has signed.
    await server.expiries.reserve(KIDS[0], ROTATION + 3 * DAY)
    latest = (await server.expiries.latest())[KIDS[0]]
    server.clock.move(microseconds=1)
    await server.look_and_tidy_up()
    assert on_disk(folder).keys[0].drops_at == latest + LEEWAY
    assert [key.drops_at for key in on_disk(folder).keys[1:]] == [None, None]


async def test_the_private_half_is_destroyed_once_no_server_may_sign_a_repeat_with_it(
    server: Follower, folder: Path
) -> None:
    pem, copied = folder / f"{KIDS[0]}.pem", folder.with_name("linked")
    copied.hardlink_to(pem)
    size = copied.stat().st_size
    server.clock.now = ROTATION + GRACE + LEEWAY - TICK
    await server.look_and_tidy_up()
    assert pem.exists()
    assert server.audit_lines.getvalue() == ""
    server.clock.move(microseconds=1)
    await server.look_and_tidy_up()
    assert files_of(folder).keys() == {
        *("keyset.json", "lock", f"{KIDS[1]}.pem", f"{KIDS[2]}.pem")
    }
    fact = json.loads(server.audit_lines.getvalue())
    assert (fact["event"], fact["kid"]) == ("key_destroyed", KIDS[0])
    assert b"PRIVATE" not in copied.read_bytes(), "overwritten, and not only unlinked"
    assert copied.stat().st_size == size


@pytest.mark.parametrize("stopped", [rotated_keyset, revoked_keyset])
async def test_a_key_is_forgotten_once_its_last_token_has_expired_and_all_servers_know(
    server: Follower, folder: Path, stopped: Callable[[], Keyset]
) -> None:
    """A revoked one too: until then its refresh tokens are honoured."""
    lay_down(folder, stopped(), 1, 2)
    server.clock.now = ROTATION + TIMES.propagation_period
    await server.look_and_tidy_up()
    drops_at = on_disk(folder).keys[0].drops_at
    assert drops_at is not None
    server.clock.now = drops_at + TIMES.propagation_period - TICK
    await server.look_and_tidy_up()
    assert [key.kid for key in on_disk(folder).keys] == KIDS
    server.clock.move(microseconds=1)
    await server.look_and_tidy_up()
    assert [key.kid for key in on_disk(folder).keys] == KIDS[1:]
    await server.reload.look()
    assert (server.signing, server.published) == (KIDS[1], KIDS[1:])


async def test_what_is_left_of_a_private_key_goes_with_the_key_that_is_forgotten(
    server: Follower, folder: Path
) -> None:
    """Nobody would know later what it is."""
    dropped = rotated_keyset(drops_at=ROTATION + 2 * DAY)
    lay_down(folder, dropped, 0, 1, 2)
    server.clock.now = ROTATION + 3 * DAY
    await server.look_and_tidy_up()
    assert files_of(folder).keys() == {
        *("keyset.json", "lock", f"{KIDS[1]}.pem", f"{KIDS[2]}.pem")
    }
    assert [key.kid for key in on_disk(folder).keys] == KIDS[1:]


async def test_who_keeps_the_directory_locked_delays_no_look(
    server: Follower, folder: Path
) -> None:
    """A command that was suspended, or a backup that takes its time."""
    server.clock.now = ROTATION + GRACE + LEEWAY
    async with asyncio.timeout(10), AsyncExitStack() as at_the_end:
        for work in (server.reload.follow(), server.reload.keep_tidy(server.tidier)):
            at_the_end.callback(asyncio.create_task(work).cancel)
        with KeysFolder(folder).locked():
            server.reload.wake()
            while KIDS[0] in server.held:  # noqa: ASYNC110 - no event tells when it has looked
                await asyncio.sleep(0)
            lay_down(folder, revoked_keyset())
            server.reload.wake()
            while KIDS[0] in server.published:  # noqa: ASYNC110 - nor here
                await asyncio.sleep(0)
            assert (folder / f"{KIDS[0]}.pem").exists()
        while (folder / f"{KIDS[0]}.pem").exists():  # noqa: ASYNC110 - nor here
            await asyncio.sleep(0)


async def test_many_servers_tidy_up_at_once_and_each_key_is_told_of_once(
    folder: Path, redis: Redis
) -> None:
    servers = [await follow(folder, redis) for _ in range(6)]
    for server in servers:
        server.clock.now = ROTATION + TIMES.propagation_period
    await asyncio.gather(*(server.look_and_tidy_up() for server in servers))
    assert on_disk(folder).keys[0].drops_at is not None
    assert "".join(server.audit_lines.getvalue() for server in servers).count(KIDS[0]) == 1


async def test_nothing_is_written_to_a_directory_that_is_read_only(
    redis: Redis, read_only: Path
) -> None:
    """And the server does without: the key leaves when the store says so."""
    server = await follow(read_only, redis)
    before = files_of(read_only)
    await server.expiries.reserve(KIDS[0], ROTATION + 2 * DAY)
    server.clock.now = ROTATION + 3 * DAY
    with capture_logs() as lines:
        await server.look_and_tidy_up()
    assert lines == []
    assert files_of(read_only) == before
    assert server.published == KIDS[1:]
    assert server.held == set(KIDS[1:])


async def test_nothing_is_recorded_while_the_store_cannot_be_asked(
    folder: Path, tmp_path: Path
) -> None:
    """Other servers may have recorded more since."""
    async with AsyncExitStack() as opened:
        with running_valkey(tmp_path) as socket:
            client = await opened.enter_async_context(connect(f"unix://{socket}"))
            server = await follow(folder, client)
            await server.expiries.reserve(KIDS[0], ROTATION + 2 * DAY)
        server.clock.now = ROTATION + DAY
        await server.look_and_tidy_up()
    assert on_disk(folder).keys[0].drops_at is None


async def test_nothing_is_done_while_the_keyset_is_no_good(server: Follower, folder: Path) -> None:
    server.clock.now = ROTATION + DAY
    text = keyset_file.write(rotated_keyset()).encode()[:-10]
    (folder / "keyset.json").write_bytes(text)
    before = files_of(folder)
    await server.look_and_tidy_up()
    assert files_of(folder) == before


async def test_a_directory_that_cannot_be_put_in_order_is_told_of_once(
    server: Follower, folder: Path
) -> None:
    server.clock.now = ROTATION + DAY
    (folder / "lock").mkdir()
    with capture_logs() as lines:
        await server.look_and_tidy_up()
        await server.look_and_tidy_up()
    (alarm,) = lines
    assert alarm["log_level"] == "error"
    assert "lock" in alarm["problem"]
    (folder / "lock").rmdir()
    with capture_logs() as lines:
        await server.look_and_tidy_up()
    assert [line["log_level"] for line in lines] == ["info"]
    assert on_disk(folder).keys[0].drops_at is not None
