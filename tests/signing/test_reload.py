"""A running server follows its keys directory, and keeps what it has where it cannot."""

import asyncio
import os
import threading
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from redis.asyncio import Redis
from support.keys import NOW, fresh_keyset, public_key, revoked_keyset, rotated_keyset
from support.reloading import DAY, HOUR, Follower, follow, lay_down, put

from token_server.problems import Problem
from token_server.signing import keyset_file
from token_server.signing.lifecycle import SigningKey
from token_server.signing.reload import SHORTEST_INTERVAL, interval_for
from token_server.tokens.refusals import SigningKeyMissing

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


async def test_a_change_is_taken_over_signer_and_jwk_set_alike(
    server: Follower, folder: Path
) -> None:
    rotate(folder)
    assert (server.signing, server.published) == (KIDS[0], KIDS[:2])
    assert await server.said() == []
    assert (server.signing, server.published) == (KIDS[0], KIDS)
    server.clock.now = ROTATION
    assert server.signing == KIDS[1]


async def test_what_has_not_changed_is_left_alone(server: Follower) -> None:
    keys = server.reload.live.keys
    assert await server.said() == []
    assert server.reload.live.keys is keys


async def test_a_volume_whose_link_is_swapped_is_followed(tmp_path: Path, redis: Redis) -> None:
    """As Kubernetes mounts a secret: every file is a link through `..data`."""
    lay_down(tmp_path / "v1", fresh_keyset(), 0, 1)
    lay_down(tmp_path / "v2", rotated_keyset(), 0, 1, 2)
    folder = tmp_path / "keys"
    folder.mkdir(mode=0o700)
    (folder / "..data").symlink_to(tmp_path / "v1")
    for name in ("keyset.json", *(f"{kid}.pem" for kid in KIDS)):
        (folder / name).symlink_to(Path("..data") / name)
    server = await follow(folder, redis)
    (folder / "..new").symlink_to(tmp_path / "v2")
    (folder / "..new").replace(folder / "..data")
    assert await server.said() == []
    assert server.published == KIDS


async def test_a_change_that_keeps_time_and_size_is_seen(server: Follower, folder: Path) -> None:
    path = folder / "keyset.json"
    before, text = path.stat(), path.read_bytes()
    path.write_bytes(text.replace(b"123456Z", b"123457Z"))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert path.stat().st_size == before.st_size
    await server.reload.look()
    assert server.reload.live.keys.keyset.keys[0].announced_at == NOW + TICK


@pytest.mark.parametrize("kept", [0, 1, 100, 700, -2])
async def test_a_half_written_keyset_leaves_the_last_good_one_and_says_so_once(
    server: Follower, folder: Path, kept: int
) -> None:
    path = folder / "keyset.json"
    good = keyset_file.write(rotated_keyset()).encode()
    put(path, good[:kept])
    (alarm,) = await server.said()
    assert alarm["log_level"] == "error"
    assert str(path) in alarm["problem"]
    assert (server.signing, server.published) == (KIDS[0], KIDS[:2])
    assert await server.said() == []
    rotate(folder)
    (line,) = await server.said()
    assert line == {"event": "the keyset is good again", "log_level": "info"}
    assert server.published == KIDS


async def test_the_last_good_keyset_put_back_is_good_again(server: Follower, folder: Path) -> None:
    good = (folder / "keyset.json").read_bytes()
    put(folder / "keyset.json", b"")
    await server.said()
    put(folder / "keyset.json", good)
    (line,) = await server.said()
    assert line["log_level"] == "info"


def spoil(folder: Path, how: str) -> None:
    path = folder / "keyset.json"
    if how == "open to others":
        rotate(folder)
        path.chmod(0o666)
    elif how == "directory gone":
        folder.rename(folder.with_name("away"))
    else:
        path.unlink()
        if how == "dangling":
            path.symlink_to("nowhere")


@pytest.mark.parametrize("how", ["gone", "dangling", "open to others", "directory gone"])
async def test_whatever_happens_to_the_directory_the_server_goes_on(
    server: Follower, folder: Path, how: str
) -> None:
    spoil(folder, how)
    (alarm,) = await server.said()
    assert alarm["log_level"] == "error"
    assert (server.signing, server.published) == (KIDS[0], KIDS[:2])
    assert await server.said() == []


async def test_what_is_public_counts_also_where_the_new_private_key_cannot_be_opened(
    server: Follower, folder: Path
) -> None:
    """Other servers announce and revoke by it; what was opened before is still in hand."""
    lay_down(folder, rotated_keyset(), 0, 1)
    (alarm,) = await server.said()
    assert f"{KIDS[2]}.pem is missing" in alarm["problem"]
    assert (server.signing, server.published) == (KIDS[0], KIDS)
    server.clock.now = ROTATION
    assert server.signing == KIDS[1]
    lay_down(folder, rotated_keyset(), 2)
    (line,) = await server.said()
    assert line["log_level"] == "info"
    assert KIDS[2] in server.held


async def test_a_revoked_key_stops_signing_also_where_its_successor_cannot_be_opened(
    folder: Path, redis: Redis
) -> None:
    lay_down(folder, fresh_keyset(), 0, 1)
    server = await follow(folder, redis)
    revoked = revoked_keyset()
    only_the_third = replace(
        revoked,
        keys=(
            revoked.keys[0],
            replace(revoked.keys[1], revoked_at=ROTATION, stops_at=ROTATION),
            replace(revoked.keys[2], signs_from=ROTATION),
            SigningKey(public=public_key(3), announced_at=ROTATION),
        ),
    )
    lay_down(folder, only_the_third, 3)
    server.clock.now = ROTATION
    await server.said()
    with pytest.raises(SigningKeyMissing):
        _ = server.signing
    lay_down(folder, only_the_third, 2)
    await server.said()
    assert server.signing == KIDS[2]


async def test_a_wrong_passphrase_is_said_by_its_file_and_what_was_opened_still_signs(
    folder: Path, redis: Redis, tmp_path: Path
) -> None:
    passphrase_file = tmp_path / "passphrase"
    passphrase_file.write_text("the first passphrase\n")
    passphrase_file.chmod(0o600)
    lay_down(folder, fresh_keyset(), 0, 1, passphrase=b"the first passphrase")
    server = await follow(folder, redis, passphrase_file=passphrase_file)
    lay_down(folder, rotated_keyset(), 0, 1, 2, passphrase=b"the second passphrase")
    (alarm,) = await server.said()
    assert str(passphrase_file) in alarm["problem"]
    assert "passphrase in" in alarm["problem"]
    assert "first passphrase" not in str(alarm)
    server.clock.now = ROTATION
    assert server.signing == KIDS[1]


async def test_a_server_does_not_start_with_a_key_that_it_cannot_open(
    folder: Path, redis: Redis
) -> None:
    (folder / f"{KIDS[1]}.pem").unlink()
    with pytest.raises(Problem, match="is missing"):
        await follow(folder, redis)


async def test_nobody_waits_while_the_disk_does(server: Follower, folder: Path) -> None:
    """And those who ask meanwhile share one look."""
    path = folder / "keyset.json"
    text = path.read_bytes()
    path.unlink()
    os.mkfifo(path)
    looks = [asyncio.create_task(server.reload.look()) for _ in range(20)]
    # The disk answers only now; its reader had the event loop's thread to itself meanwhile.
    answering = threading.Thread(target=path.write_bytes, args=(text,))
    for _ in range(100):
        await asyncio.sleep(0)
        assert server.signing == KIDS[0]
    assert not any(look.done() for look in looks)
    answering.start()
    await looks[0]
    answering.join()
    path.unlink()
    put(path, text)
    await asyncio.gather(*looks)


async def test_woken_it_looks_at_once(server: Follower, folder: Path) -> None:
    running = asyncio.create_task(server.reload.follow())
    await asyncio.sleep(0)
    rotate(folder)
    server.reload.wake()
    async with asyncio.timeout(interval_for(HOUR).total_seconds() / 2):
        while server.published != KIDS:  # noqa: ASYNC110 - no event tells when it has looked
            await asyncio.sleep(0)
    running.cancel()


async def test_those_who_show_unknown_keys_share_the_next_look_and_wait_until_it_may_be(
    server: Follower, folder: Path, redis: Redis
) -> None:
    """None is refused by what was seen before it came, and none keeps the server busy."""
    await server.reload.look()
    rotate(folder)
    before, asked_at = await looks_of(redis), asyncio.get_running_loop().time()
    assert await asyncio.gather(*(server.reload.catch_up() for _ in range(20))) == [True] * 20
    assert server.published == KIDS
    assert await looks_of(redis) == before + 1
    assert await server.reload.catch_up()
    # 0.1 s between the three looks; less what lay between the first one and the question.
    assert asyncio.get_running_loop().time() - asked_at >= SHORTEST_INTERVAL.total_seconds() * 1.5


async def looks_of(redis: Redis) -> int:
    """Each asks the store once when keys expire, and once what was seen of the keyset."""
    commands = await redis.info("commandstats")
    return int(commands["cmdstat_hgetall"]["calls"]) // 2


async def test_it_says_whether_it_can_see_what_keys_there_are(
    server: Follower, folder: Path
) -> None:
    put(folder / "keyset.json", b"{")
    assert not await server.reload.catch_up()
    lay_down(folder, rotated_keyset(), 0, 1)
    assert await server.reload.catch_up(), "that a private key is missing hides no public one"


@pytest.mark.parametrize(
    ("propagation_period", "interval"),
    [(HOUR, timedelta(seconds=5)), (timedelta(seconds=2), timedelta(seconds=0.25))],
)
def test_it_looks_often_enough_to_see_a_change_in_a_quarter_of_the_propagation_period(
    propagation_period: timedelta, interval: timedelta
) -> None:
    assert interval_for(propagation_period) == interval
