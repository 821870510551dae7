"""The account store, rule by rule, on a real Valkey."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

import pytest
from msgspec import structs
from redis.asyncio import Redis
from support.accounts import an_account
from support.moments import MovableClock
from support.sessions import POLICY, Desk, sessions_on

from token_server.store import names
from token_server.store.accounts import Accounts
from token_server.store.engine import Engine
from token_server.tokens.model import LEEWAY, EndReason, Session, Subject
from token_server.tokens.outcomes import Ended, Handed
from token_server.tokens.refusals import StoreUnavailable

pytestmark = pytest.mark.anyio

ALICE = Subject("alice")
SECOND = timedelta(seconds=1)
KEEP = POLICY.refresh_token_lifetime + LEEWAY


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


@pytest.fixture(params=[False, True], ids=["always", "waitaof"])
def accounts(redis: Redis, request: pytest.FixtureRequest) -> Accounts:
    return Accounts(Engine(redis, waits_for_fsync=request.param), keep=KEEP)


@pytest.fixture
async def desk(redis: Redis) -> Desk:
    return Desk(await sessions_on(redis))


async def names_of(accounts: Accounts) -> list[str]:
    return [account.name for account in await accounts.all()]


async def stored(redis: Redis) -> list[bytes | str]:
    """The keys that hold something: one is written only to be waited for."""
    return [key for key in await redis.keys() if key != names.BARRIER.encode()]


@pytest.mark.parametrize("name", ["alice", "Jörg Ångström", "{a}", "a%7Bb", "🔑", "x" * 255])
async def test_an_account_is_found_as_it_was_added(accounts: Accounts, name: str) -> None:
    account = an_account(name)
    assert await accounts.find(account.name) is None
    assert await accounts.add(account)
    assert await accounts.find(account.name) == account
    assert await accounts.all() == [account]


async def test_a_name_that_is_taken_changes_nothing(accounts: Accounts) -> None:
    assert await accounts.add(an_account())
    later = an_account(password_hash="$argon2id$two", at=an_account().created_at + SECOND)
    assert not await accounts.add(later)
    assert await accounts.all() == [an_account()]


async def test_of_50_adding_one_name_at_once_one_does(accounts: Accounts) -> None:
    offers = [an_account(password_hash=f"$argon2id${number}") for number in range(50)]
    added = await asyncio.gather(*(accounts.add(offer) for offer in offers))
    assert added.count(True) == 1
    assert await accounts.all() == [offers[added.index(True)]]


async def test_adding_again_after_a_lost_reply_is_recognised_as_itself(accounts: Accounts) -> None:
    assert await accounts.add(an_account())
    assert await accounts.add(an_account())


async def test_accounts_are_listed_by_name_however_many(accounts: Accounts) -> None:
    """More than are read in one step."""
    added = random.Random(1).sample(range(501), 501)
    for start in range(0, len(added), 50):
        group = [an_account(f"user-{number:03}") for number in added[start : start + 50]]
        await asyncio.gather(*(accounts.add(account) for account in group))
    assert await names_of(accounts) == [f"user-{number:03}" for number in range(501)]


async def test_a_password_changes_whatever_it_was(accounts: Accounts, clock: MovableClock) -> None:
    await accounts.add(an_account())
    assert await accounts.set_password_hash(ALICE, "new", replacing=None, at=clock())
    assert await accounts.find(ALICE) == structs.replace(
        an_account(), password_hash="new", updated_at=clock(), password_updated_at=clock()
    )


async def test_a_hash_is_replaced_only_where_it_is_the_expected_one(accounts: Accounts) -> None:
    then = an_account().password_updated_at
    await accounts.add(an_account(password_hash="1"))
    assert await accounts.set_password_hash(ALICE, "2", replacing="1", at=then)
    assert not await accounts.set_password_hash(ALICE, "3", replacing="1", at=then)
    assert await accounts.find(ALICE) == an_account(password_hash="2")


async def test_replacing_again_after_a_lost_reply_is_recognised_as_itself(
    accounts: Accounts, clock: MovableClock
) -> None:
    await accounts.add(an_account(password_hash="1"))
    for _ in range(2):
        assert await accounts.set_password_hash(ALICE, "2", replacing="1", at=clock())


async def test_of_50_replacing_one_hash_at_once_one_does(accounts: Accounts) -> None:
    then = an_account().password_updated_at
    await accounts.add(an_account(password_hash="old"))
    replaced = await asyncio.gather(
        *(accounts.set_password_hash(ALICE, f"{n}", replacing="old", at=then) for n in range(50))
    )
    assert replaced.count(True) == 1
    account = await accounts.find(ALICE)
    assert account is not None
    assert account.password_hash == f"{replaced.index(True)}"


async def test_a_renewed_hash_of_an_old_password_makes_nothing_look_older(
    accounts: Accounts, clock: MovableClock
) -> None:
    then = an_account().password_updated_at
    await accounts.add(an_account())
    await accounts.disable(ALICE, at=clock())
    assert await accounts.set_password_hash(ALICE, "new", replacing=None, at=then)
    account = await accounts.find(ALICE)
    assert account is not None
    assert (account.updated_at, account.password_updated_at) == (clock(), then)


async def test_without_an_account_there_is_nothing_to_change(
    accounts: Accounts, clock: MovableClock, redis: Redis
) -> None:
    assert not await accounts.set_password_hash(ALICE, "new", replacing=None, at=clock())
    assert not await accounts.disable(ALICE, at=clock())
    assert not await accounts.enable(ALICE, at=clock())
    assert not await accounts.remove(ALICE)
    assert await stored(redis) == []


async def test_an_account_is_disabled_and_enabled_again(
    accounts: Accounts, clock: MovableClock
) -> None:
    await accounts.add(an_account())
    for _ in range(2):
        assert await accounts.disable(ALICE, at=clock())
        disabled = structs.replace(an_account(), disabled=True, updated_at=clock())
        assert await accounts.find(ALICE) == disabled
    clock.move(seconds=1)
    for _ in range(2):
        assert await accounts.enable(ALICE, at=clock())
        assert await accounts.find(ALICE) == structs.replace(an_account(), updated_at=clock())


async def test_a_removed_account_leaves_its_name_free(accounts: Accounts, redis: Redis) -> None:
    await accounts.add(an_account())
    assert await accounts.remove(ALICE)
    assert not await accounts.remove(ALICE)
    assert await stored(redis) == [names.subject_record(ALICE).encode()]
    assert await accounts.add(an_account(password_hash="2"))
    assert await accounts.all() == [an_account(password_hash="2")]


Ends = Callable[[Accounts, datetime], Awaitable[bool]]
ENDS: dict[str, Ends] = {
    "disable": lambda accounts, at: accounts.disable(ALICE, at=at),
    "remove": lambda accounts, _: accounts.remove(ALICE),
}


@pytest.fixture(params=list(ENDS.values()), ids=list(ENDS))
def end(request: pytest.FixtureRequest) -> Ends:
    chosen: Ends = request.param
    return chosen


async def test_disabling_or_removing_ends_all_sessions_and_no_other_subjects(
    accounts: Accounts, desk: Desk, clock: MovableClock, end: Ends
) -> None:
    await accounts.add(an_account())
    sessions = [await desk.begin(clock()) for _ in range(3)]
    other = await desk.begin(clock(), Subject("bob"))
    assert await end(accounts, clock())
    for session in sessions:
        assert await desk.show(session, 0, clock()) == Ended(because=EndReason.ALL_ENDED)
    assert isinstance(await desk.show(other, 0, clock()), Handed)


async def test_sessions_stay_ended_when_the_account_is_enabled_or_added_again(
    accounts: Accounts, desk: Desk, clock: MovableClock, end: Ends
) -> None:
    await accounts.add(an_account())
    session = await desk.begin(clock())
    await end(accounts, clock())
    clock.move(seconds=1)
    assert await accounts.enable(ALICE, at=clock()) or await accounts.add(an_account())
    assert await desk.show(session, 0, clock()) == Ended(because=EndReason.ALL_ENDED)
    assert isinstance(await desk.show(await desk.begin(clock()), 0, clock()), Handed)


async def test_what_began_before_has_ended_even_by_a_clock_that_is_ahead(
    accounts: Accounts, desk: Desk, clock: MovableClock, end: Ends
) -> None:
    await accounts.add(an_account())
    ahead = await desk.begin(clock() + timedelta(hours=1))
    assert await end(accounts, clock())
    assert await desk.show(ahead, 0, clock()) == Ended(because=EndReason.ALL_ENDED)


async def test_how_long_an_end_is_remembered_never_shrinks(
    accounts: Accounts, clock: MovableClock, redis: Redis
) -> None:
    """Whatever the settings of the servers say, and however their calls cross."""
    await accounts.add(an_account())
    dice = random.Random(2)
    longest, before = timedelta(0), 0
    for _ in range(20):
        keeps = [KEEP + timedelta(seconds=dice.uniform(-9999, 9999)) for _ in range(5)]
        servers = [Accounts(Engine(redis, waits_for_fsync=False), keep=keep) for keep in keeps]
        await asyncio.gather(*(server.disable(ALICE, at=clock()) for server in servers))
        longest = max(longest, *keeps)
        kept_until = await redis.pexpiretime(names.subject_record(ALICE))
        assert kept_until >= before
        before = kept_until
    kept = timedelta(milliseconds=await redis.pttl(names.subject_record(ALICE)))
    assert longest - timedelta(seconds=30) < kept <= longest


async def test_of_log_ins_and_disabling_at_once_no_session_survives(
    accounts: Accounts, desk: Desk, clock: MovableClock
) -> None:
    await accounts.add(an_account())
    begun = 0
    for turn in range(20):
        began = [asyncio.create_task(desk.begin(clock())) for _ in range(10)]
        if turn % 2:
            await asyncio.wait(began, return_when=asyncio.FIRST_COMPLETED)
        disabling = asyncio.create_task(accounts.disable(ALICE, at=clock()))
        outcomes = await asyncio.gather(*began, return_exceptions=True)
        assert await disabling
        for session in outcomes:
            if isinstance(session, Session):
                begun += 1
                ended = await desk.show(session, 0, clock())
                assert ended == Ended(because=EndReason.ALL_ENDED)
        assert await accounts.enable(ALICE, at=clock())
    assert begun


async def test_the_subjects_record_outlives_every_token_that_it_ends(
    accounts: Accounts, desk: Desk, clock: MovableClock, redis: Redis, end: Ends
) -> None:
    await accounts.add(an_account())
    await end(accounts, clock())
    kept = await redis.pttl(names.subject_record(ALICE))
    assert abs(kept - KEEP // timedelta(milliseconds=1)) < 60_000
    await accounts.enable(ALICE, at=clock()) or await accounts.add(an_account())
    longer = structs.replace(POLICY, refresh_token_lifetime=timedelta(days=90))
    await desk.with_policy(longer).begin(clock())
    await end(accounts, clock())
    kept = await redis.pttl(names.subject_record(ALICE))
    assert kept > timedelta(days=90) // timedelta(milliseconds=1)


async def test_a_disabled_accounts_record_holds_a_count_however_many_sessions_there_are(
    accounts: Accounts, desk: Desk, clock: MovableClock, redis: Redis
) -> None:
    await accounts.add(an_account())
    for _ in range(3):
        await desk.begin(clock())
    await accounts.disable(ALICE, at=clock())
    assert await redis.hgetall(names.subject_record(ALICE)) == {b"ends": b"1"}


async def test_what_cannot_be_written_is_said(
    accounts: Accounts, clock: MovableClock, redis: Redis
) -> None:
    await accounts.add(an_account())
    await redis.config_set("min-replicas-to-write", 1)
    try:
        with pytest.raises(StoreUnavailable):
            await accounts.add(an_account("bob"))
        with pytest.raises(StoreUnavailable):
            await accounts.disable(ALICE, at=clock())
    finally:
        await redis.config_set("min-replicas-to-write", 0)
    assert await accounts.all() == [an_account()]
