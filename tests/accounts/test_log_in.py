"""Log in: who may, who may not, and that nobody can tell why not."""

import asyncio
import json
import threading
from datetime import timedelta
from pathlib import Path

import pytest
from msgspec import structs
from redis.asyncio import Redis
from support.accounts import WatchedHasher
from support.log_in import PEER, Door

from token_server.tokens.model import Subject
from token_server.tokens.refusals import (
    AccountDisabled,
    AccountUnknown,
    LoginRefused,
    Overloaded,
    PasswordWrong,
    StoreUnavailable,
    TooManyAttempts,
)

pytestmark = pytest.mark.anyio

ALICE = Subject("alice")
OURS = "$argon2id$v=19$m=8,t=1,p=1"


@pytest.fixture
async def door(redis: Redis) -> Door:
    door = Door(redis)
    await door.add("alice", "right")
    return door


async def test_the_right_password_logs_in_and_the_audit_log_says_so(door: Door) -> None:
    assert await door.log_in("alice", "right", peer=PEER) == ALICE
    fact = json.loads(door.audited.getvalue())
    assert (fact["event"], fact["sub"]) == ("logged_in", "alice")


async def test_refusals_name_the_account_but_never_what_was_typed_for_one(door: Door) -> None:
    wrong = await door.refusal("alice", "wrong")
    unknown = await door.refusal("my-password", "x")
    assert (type(wrong), wrong.ids) == (PasswordWrong, {"sub": "alice"})
    assert (type(unknown), unknown.ids) == (AccountUnknown, {})
    assert "my-password" not in repr(unknown)


@pytest.mark.parametrize(
    ("name", "password"),
    [
        ("alice", "wrong"),
        ("alice", "\ud800"),
        ("alice", ""),
        ("alice", "x" * 65_536),
        ("bob", "right"),
        ("", "right"),
        ("ali\0ce", "right"),
        ("\ud800", "\ud800"),
        ("x" * 65_536, "right"),
        ("disabled", "right"),
        ("disabled", "wrong"),
    ],
)
async def test_every_failure_costs_one_argon2_of_the_same_parameters_and_counts_once(
    door: Door, name: str, password: str
) -> None:
    await door.add("disabled", "right")
    await door.accounts.disable(Subject("disabled"), at=door.clock())
    for tried in (1, 2, 3):
        assert isinstance(await door.refusal(name, password), LoginRefused)
        assert door.hasher.verified == [OURS] * tried
    assert isinstance(await door.refusal(name, password), TooManyAttempts)
    assert door.hasher.verified == [OURS] * 3


async def test_a_disabled_account_is_told_from_a_wrong_password_by_the_audit_log_only(
    door: Door,
) -> None:
    await door.accounts.disable(ALICE, at=door.clock())
    right, wrong = [await door.refusal("alice", typed) for typed in ("right", "wrong")]
    assert (type(right), right.ids) == (AccountDisabled, {"sub": "alice"})
    assert (type(wrong), wrong.ids) == (PasswordWrong, {"sub": "alice"})
    await door.accounts.enable(ALICE, at=door.clock())
    assert await door.log_in("alice", "right", peer=PEER) == ALICE


async def test_after_too_many_failures_even_the_right_password_must_wait(door: Door) -> None:
    for _ in range(3):
        await door.refusal("alice", "wrong")
    refusal = await door.refusal("alice", "right")
    assert isinstance(refusal, TooManyAttempts)
    assert (refusal.retry_in, refusal.ids) == (timedelta(minutes=1), {"sub": "alice"})
    door.clock.move(minutes=1)
    assert await door.log_in("alice", "right", peer=PEER) == ALICE


async def test_good_log_ins_count_for_nothing(door: Door) -> None:
    for _ in range(5):
        await door.log_in("alice", "right", peer=PEER)


async def test_failures_count_by_name_and_peer(door: Door) -> None:
    while await door.may_try("alice"):
        pass
    assert await door.may_try("bob")
    assert await door.may_try("alice", "192.0.2.2")
    assert not await door.may_try("alice")


@pytest.mark.parametrize(
    ("one", "other", "counts_together"),
    [
        ("2001:db8::1", "2001:db8::ffff:2", True),
        ("2001:db8::1", "2001:db8::1:0:0:2", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("", "", True),
    ],
)
async def test_all_of_an_ipv6_network_is_one_peer(
    door: Door, one: str, other: str, *, counts_together: bool
) -> None:
    while await door.may_try("alice", one):
        pass
    assert await door.may_try("alice", other) is not counts_together


async def test_what_was_typed_as_a_name_is_not_collected(door: Door) -> None:
    await door.refusal("a-mistyped-password", "x")
    await door.refusal("x" * 65_536, "x")
    keys = await door.redis.keys("token-server:attempts:*")
    # Two pairs, two names, and the network that both came from.
    assert [len(key) for key in keys] == [len("token-server:attempts:") + 64] * 5


async def test_a_good_log_in_renews_a_hash_of_other_parameters(redis: Redis) -> None:
    older = Door(redis, hasher=WatchedHasher(memory_cost=16))
    await older.add("alice", "right")
    before = await older.accounts.find(ALICE)
    door = Door(redis)
    assert await door.log_in("alice", "right", peer=PEER) == ALICE
    after = await door.accounts.find(ALICE)
    assert before is not None
    assert after is not None
    assert after.password_hash.startswith(OURS)
    assert after == structs.replace(before, password_hash=after.password_hash)
    assert await door.log_in("alice", "right", peer=PEER) == ALICE
    assert await door.accounts.find(ALICE) == after


async def test_a_failed_log_in_renews_nothing(redis: Redis) -> None:
    older = Door(redis, hasher=WatchedHasher(memory_cost=16))
    await older.add("alice", "right")
    before = await older.accounts.find(ALICE)
    await Door(redis).refusal("alice", "wrong")
    assert await older.accounts.find(ALICE) == before


class _SlowRenewal(WatchedHasher):
    """Waits in `hash` while `may_hash` is cleared."""

    def __init__(self) -> None:
        super().__init__()
        self.may_hash = threading.Event()
        self.may_hash.set()
        self.is_hashing = threading.Event()

    def hash(self, password: str | bytes, *, salt: bytes | None = None) -> str:
        self.is_hashing.set()
        self.may_hash.wait(10)
        return super().hash(password, salt=salt)


async def test_a_password_changed_while_its_hash_is_renewed_stays_changed(redis: Redis) -> None:
    older = Door(redis, hasher=WatchedHasher(memory_cost=16))
    await older.add("alice", "right")
    hasher = _SlowRenewal()
    door = Door(redis, hasher=hasher)
    changed = await door.passwords.hash("changed")
    hasher.is_hashing.clear()
    hasher.may_hash.clear()
    logging_in = asyncio.create_task(door.log_in("alice", "right", peer=PEER))
    while not hasher.is_hashing.is_set():  # noqa: ASYNC110 - a thread sets no asyncio.Event
        await asyncio.sleep(0)
    assert await door.accounts.set_password_hash(ALICE, changed, replacing=None, at=door.clock())
    hasher.may_hash.set()
    assert await logging_in == ALICE
    account = await door.accounts.find(ALICE)
    assert account is not None
    assert account.password_hash == changed


async def test_a_hash_that_cannot_be_renewed_now_fails_no_log_in(
    redis: Redis, store_socket: Path
) -> None:
    older = Door(redis, hasher=WatchedHasher(memory_cost=16))
    await older.add("alice", "right")
    rights = ["on", "nopass", "~token-server:*", "%R~*", "+@all"]
    await redis.execute_command("ACL", "SETUSER", "reads-accounts", *rights)  # type: ignore[no-untyped-call]
    path = str(store_socket)
    async with Redis(unix_socket_path=path, username="reads-accounts", password="-") as client:
        door = Door(client)
        assert await door.log_in("alice", "right", peer=PEER) == ALICE
        with pytest.raises(StoreUnavailable):
            await door.accounts.enable(ALICE, at=older.clock())


async def test_of_200_log_ins_at_once_two_verify_and_the_rest_waits_or_is_refused(
    redis: Redis, store_socket: Path
) -> None:
    await Door(redis).add("alice", "right")
    async with Redis(unix_socket_path=str(store_socket), max_connections=200) as client:
        door = Door(client, waiting=20)
        door.hasher.gate.clear()
        asked = [
            asyncio.create_task(door.log_in("alice", "right", peer=f"192.0.2.{number}"))
            for number in range(200)
        ]
        while sum(task.done() for task in asked) < 178:  # noqa: ASYNC110 - see above
            await asyncio.sleep(0)
        door.hasher.gate.set()
        outcomes = await asyncio.gather(*asked, return_exceptions=True)
    assert outcomes.count(ALICE) == 22
    assert sum(isinstance(outcome, Overloaded) for outcome in outcomes) == 178
    assert door.hasher.most_at_once == 2


async def test_the_store_holds_no_password(door: Door, store_socket: Path) -> None:
    """Neither what is remembered nor what was ever written to its log of commands."""
    await door.log_in("alice", "right", peer=PEER)
    await door.add("bob", "argon-canary-0001")
    await door.log_in("bob", "argon-canary-0001", peer=PEER)
    await door.refusal("bob", "argon-canary-0002")
    await door.refusal("argon-canary-0003", "argon-canary-0004")
    written = b"".join(
        file.read_bytes() for file in store_socket.parent.rglob("*") if file.is_file()
    )
    assert b"{bob}:account" in written
    assert b"argon-canary-" not in written


async def test_a_log_in_that_waits_while_its_password_is_changed_is_refused(door: Door) -> None:
    """The change ends the sessions that there are; this one would begin after it."""
    new_hash = await door.passwords.hash("new")
    door.hasher.gate.clear()
    waiting = asyncio.create_task(door.refusal("alice", "right"))
    while not door.hasher.running:  # noqa: ASYNC110 - what a thread does sets no asyncio.Event
        await asyncio.sleep(0)
    changed_at = door.clock() + timedelta(seconds=1)
    assert await door.accounts.set_password_hash(ALICE, new_hash, replacing=None, at=changed_at)
    door.hasher.gate.set()
    refusal = await waiting
    assert (type(refusal), refusal.ids) == (PasswordWrong, {"sub": "alice"})
    assert await door.log_in("alice", "new", peer=PEER) == ALICE
