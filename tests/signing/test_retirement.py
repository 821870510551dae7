"""How long a stopped key stays published, and its private half in memory."""

from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path

import pytest
from redis.asyncio import Redis
from support.keys import GRACE, NOW, fresh_keyset, public_key, revoked_keyset, rotated_keyset
from support.processes import free_port
from support.reloading import DAY, TIMES, Follower, follow, lay_down
from support.valkey import running_valkey

from token_server.store.connect import connect
from token_server.tokens.model import LEEWAY, Unsigned

pytestmark = pytest.mark.anyio

KIDS = [public_key(number).kid for number in range(3)]
ROTATION = NOW + DAY
TICK = timedelta(microseconds=1)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    lay_down(tmp_path / "keys", fresh_keyset(), 0, 1)
    return tmp_path / "keys"


@pytest.fixture
async def server(folder: Path, redis: Redis) -> Follower:
    return await follow(folder, redis)


def rotate(folder: Path) -> None:
    lay_down(folder, rotated_keyset(), 0, 1, 2)


async def test_a_stopped_key_is_published_until_the_last_token_it_may_have_signed_has_expired(
    server: Follower, folder: Path
) -> None:
    """Also where the directory is never written to: what must be recorded lies in the store."""
    rotate(folder)
    server.clock.now = ROTATION
    await server.expiries.reserve(KIDS[0], ROTATION + 2 * DAY)
    recorded = (await server.expiries.latest())[KIDS[0]]
    server.clock.move(hours=1)
    await server.reload.look()
    server.clock.now = recorded + LEEWAY - TICK
    assert server.published == KIDS
    server.clock.move(microseconds=1)
    assert server.published == KIDS[1:]


async def test_a_server_that_picks_the_stop_up_late_keeps_the_key_published_for_its_tokens(
    server: Follower, folder: Path, redis: Redis
) -> None:
    rotate(folder)
    server.clock.now = ROTATION
    await server.expiries.reserve(KIDS[0], ROTATION + DAY)
    await server.reload.look()
    late = (await follow(folder, redis)).expiries
    await late.reserve(KIDS[0], ROTATION + 2 * DAY)
    await server.reload.look()
    server.clock.now = ROTATION + 2 * DAY
    assert server.published == KIDS


async def test_a_key_of_which_nothing_is_recorded_stays_for_the_longest_lifetime(
    server: Follower, folder: Path
) -> None:
    """The store may have lost its memory."""
    rotate(folder)
    server.clock.now = ROTATION + TIMES.longest_lifetime
    await server.reload.look()
    assert server.published == KIDS
    server.clock.now += LEEWAY
    assert server.published == KIDS[1:]


async def test_a_private_key_is_forgotten_once_it_may_no_longer_sign(
    server: Follower, folder: Path
) -> None:
    rotate(folder)
    server.clock.now = ROTATION + GRACE + LEEWAY - TICK
    await server.reload.look()
    assert server.held == set(KIDS)
    server.clock.move(microseconds=1)
    await server.reload.look()
    assert server.held == set(KIDS[1:])
    lay_down(folder, revoked_keyset())
    await server.reload.look()
    assert server.held == set(KIDS[1:])


async def test_a_repeat_is_the_same_bytes_also_after_a_reload(
    server: Follower, folder: Path
) -> None:
    claims = {"aud": "access"}
    before = await server.reload.live.sign(Unsigned(claims), kid=KIDS[0], now=NOW)
    rotate(folder)
    server.clock.now = ROTATION + GRACE - TICK
    await server.reload.look()
    again = await server.reload.live.sign(Unsigned(claims), kid=KIDS[0], now=server.clock())
    assert again == before


async def test_a_server_starts_without_a_store_and_drops_no_key_until_it_has_asked_it(
    folder: Path, tmp_path: Path
) -> None:
    rotate(folder)
    port = str(free_port())
    async with connect(f"redis://127.0.0.1:{port}") as client:
        server = await follow(folder, client, now=ROTATION + 13 * DAY)
        assert server.published == KIDS
        with running_valkey(tmp_path, "--port", port):
            await server.expiries.reserve(KIDS[0], ROTATION + DAY)
            await server.reload.look()
            assert server.published == KIDS[1:]


async def test_what_was_heard_before_a_key_stopped_does_not_let_it_drop(
    folder: Path, tmp_path: Path
) -> None:
    """Servers that reach the store have signed on with it, and recorded more, since."""
    async with AsyncExitStack() as opened:
        with running_valkey(tmp_path) as socket:
            client = await opened.enter_async_context(connect(f"unix://{socket}"))
            server = await follow(folder, client)
            await server.expiries.reserve(KIDS[0], ROTATION - DAY / 2)
            await server.reload.look()
        rotate(folder)
        server.clock.now = ROTATION + DAY
        await server.reload.look()
    assert server.published == KIDS


async def test_a_server_starts_also_where_one_whose_clock_is_ahead_has_destroyed_the_retiring_key(
    folder: Path, redis: Redis
) -> None:
    rotate(folder)
    (folder / f"{KIDS[0]}.pem").unlink()
    server = await follow(folder, redis, now=ROTATION + GRACE)
    assert (server.signing, server.published) == (KIDS[1], KIDS)
    assert server.held == set(KIDS[1:])
