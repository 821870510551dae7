"""Passwords: what fits, what never does, and how much argon2 goes on at once."""

import asyncio
import os
import sys
import threading
from collections.abc import Callable

import pytest
from argon2 import PasswordHasher
from support.accounts import WatchedHasher

from token_server.accounts import fair_queue
from token_server.accounts.fair_queue import NICENESS
from token_server.accounts.passwords import LONGEST_PASSWORD, Passwords, recommended_hasher
from token_server.problems import Problem
from token_server.tokens.refusals import Overloaded

pytestmark = pytest.mark.anyio

# A hash that asks for four terabytes.
_TOO_LARGE = (
    "$argon2id$v=19$m=4294967295,t=1,p=1"
    "$iHTUsmRQWPWWfbOwVxuZ9A$L8qQZbaWl7LoLOdGzJFnX8k9pMnE6kMSElBb8HgVRRo"
)


@pytest.fixture
def hasher() -> WatchedHasher:
    return WatchedHasher()


@pytest.fixture
def passwords(hasher: WatchedHasher) -> Passwords:
    return Passwords(hasher=hasher, slots=2, waiting=4)


async def until(condition: Callable[[], bool]) -> None:
    while not condition():  # noqa: ASYNC110 - what a thread does sets no asyncio.Event
        await asyncio.sleep(0)


async def test_the_recommended_parameters_are_argon2id_with_46_mib() -> None:
    password_hash = await Passwords().hash("correct horse")
    assert password_hash.startswith("$argon2id$v=19$m=47104,t=1,p=1$")


@pytest.mark.parametrize("password", ["x", " ", "pass\0word", "pässwörd", "🔑" * 256, "\ufffd"])
async def test_a_password_fits_its_own_hash_and_no_other(
    passwords: Passwords, password: str
) -> None:
    password_hash = await passwords.hash(password)
    assert await passwords.verify(password_hash, password)
    assert not await passwords.verify(password_hash, password + "x")
    assert not await passwords.verify(await passwords.hash("other"), password)


async def test_what_follows_a_nul_counts(passwords: Passwords) -> None:
    assert not await passwords.verify(await passwords.hash("pass\0word"), "pass\0WORD")


async def test_the_same_text_fits_however_a_keyboard_composes_it(passwords: Passwords) -> None:
    """RFC 8265 §4.2.2: NFC."""
    assert await passwords.verify(await passwords.hash("caf\u00e9"), "cafe\u0301")
    assert await passwords.verify(await passwords.hash("cafe\u0301"), "caf\u00e9")


async def test_two_hashes_of_one_password_differ(passwords: Passwords) -> None:
    assert await passwords.hash("same") != await passwords.hash("same")


@pytest.mark.parametrize("password", ["", "x" * (LONGEST_PASSWORD + 1), "é" * 513, "\ud800"])
async def test_what_can_be_no_password_is_not_hashed_and_never_fits(
    passwords: Passwords, hasher: WatchedHasher, password: str
) -> None:
    with pytest.raises(Problem) as refused:
        await passwords.hash(password)
    assert not password or password not in refused.value.text
    assert not await passwords.verify(hasher.hash(b""), password)


async def test_the_longest_password_fits(passwords: Passwords) -> None:
    longest = "x" * LONGEST_PASSWORD
    assert await passwords.verify(await passwords.hash(longest), longest)


@pytest.mark.parametrize(
    "password", ["right", "", "\ud800", "x" * 70_000, "\u0301\u0323" * 30_000]
)
async def test_each_verification_costs_one_argon2_of_the_same_parameters(
    passwords: Passwords, hasher: WatchedHasher, password: str
) -> None:
    """Nobody's hash, somebody's, and what cannot be a password: clocks cannot tell them apart."""
    password_hash = await passwords.hash("right")
    for of_whom in (None, password_hash):
        await passwords.verify(of_whom, password)
    assert hasher.verified == ["$argon2id$v=19$m=8,t=1,p=1"] * 2


async def test_nobodys_hash_fits_nothing(passwords: Passwords) -> None:
    assert not any([await passwords.verify(None, guess) for guess in ("", "x", "\0")])


async def test_a_hash_of_other_parameters_is_to_be_renewed(passwords: Passwords) -> None:
    assert passwords.needs_rehash(WatchedHasher(memory_cost=16).hash("x"))
    assert passwords.needs_rehash(WatchedHasher(time_cost=2).hash("x"))
    assert not passwords.needs_rehash(await passwords.hash("x"))


async def test_a_hash_of_other_parameters_is_still_verified(passwords: Passwords) -> None:
    older = PasswordHasher(time_cost=2, memory_cost=16, parallelism=2).hash("x")
    assert await passwords.verify(older, "x")


async def test_memory_that_cannot_be_had_is_no_wrong_password(passwords: Passwords) -> None:
    with pytest.raises(Overloaded):
        await passwords.verify(_TOO_LARGE, "x")


async def test_of_200_at_once_two_run_four_wait_and_the_rest_is_refused(
    passwords: Passwords, hasher: WatchedHasher
) -> None:
    password_hash = await passwords.hash("x")
    hasher.gate.clear()
    asked = [asyncio.create_task(passwords.verify(password_hash, "x")) for _ in range(200)]
    await until(lambda: sum(task.done() for task in asked) == 194)
    await until(lambda: hasher.running == 2)
    hasher.gate.set()
    outcomes = await asyncio.gather(*asked, return_exceptions=True)
    assert outcomes[:6] == [True] * 6
    assert all(isinstance(outcome, Overloaded) for outcome in outcomes[6:])
    assert hasher.most_at_once == 2


async def test_who_has_waited_for_too_long_costs_nothing_more(
    passwords: Passwords, hasher: WatchedHasher, monkeypatch: pytest.MonkeyPatch
) -> None:
    hasher.gate.clear()
    asked = [asyncio.create_task(passwords.verify(None, "x")) for _ in range(6)]
    await until(lambda: hasher.running == 2)
    monkeypatch.setattr(fair_queue, "LONGEST_WAIT_SECONDS", -1)
    hasher.gate.set()
    outcomes = await asyncio.gather(*asked, return_exceptions=True)
    assert outcomes[:2] == [False] * 2
    assert [type(outcome) for outcome in outcomes[2:]] == [Overloaded] * 4
    assert len(hasher.verified) == 2


async def test_places_come_back_after_a_rush(passwords: Passwords, hasher: WatchedHasher) -> None:
    for _ in range(5):
        await asyncio.gather(*(passwords.verify(None, "x") for _ in range(6)))
    assert hasher.most_at_once <= 2


async def test_who_gives_up_gives_the_place_back(
    passwords: Passwords, hasher: WatchedHasher
) -> None:
    """One that waits, at once and unverified; one that runs, when its thread is done."""
    hasher.gate.clear()
    asked = [asyncio.create_task(passwords.verify(None, "x")) for _ in range(6)]
    await until(lambda: hasher.running == 2)
    for task in asked:
        task.cancel()
    await asyncio.gather(*asked, return_exceptions=True)
    assert all(task.cancelled() for task in asked)

    asked = [asyncio.create_task(passwords.verify(None, "x")) for _ in range(5)]
    await until(lambda: any(task.done() for task in asked))
    assert [task.done() for task in asked] == [False] * 4 + [True]
    hasher.gate.set()
    await asyncio.gather(*asked, return_exceptions=True)
    assert isinstance(asked[4].exception(), Overloaded)
    assert (hasher.most_at_once, len(hasher.verified)) == (2, 6)


async def test_the_event_loop_goes_on_while_argon2_runs() -> None:
    passwords = Passwords(hasher=recommended_hasher())
    verifying = asyncio.create_task(passwords.verify(None, "x"))
    turns = 0
    while not verifying.done():
        await asyncio.sleep(0)
        turns += 1
    assert turns > 10


@pytest.mark.skipif(sys.platform != "linux", reason="threads have no priority of their own")
async def test_hashing_gives_way_to_everything_else() -> None:
    before = os.getpriority(os.PRIO_PROCESS, 0)
    priorities: list[int] = []

    class Looking(WatchedHasher):
        def hash(self, password: str | bytes, *, salt: bytes | None = None) -> str:
            priorities.append(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))
            return super().hash(password, salt=salt)

    await Passwords(hasher=Looking()).hash("password")
    assert priorities[-1] == NICENESS
    assert os.getpriority(os.PRIO_PROCESS, 0) == before


async def test_every_kind_of_space_is_the_same(passwords: Passwords) -> None:
    """RFC 8265 §4.2.2: OpaqueString."""
    password_hash = await passwords.hash("correct\u00a0horse")
    for space in " \u00a0\u2003\u3000":
        assert await passwords.verify(password_hash, f"correct{space}horse")
    assert not await passwords.verify(password_hash, "correcthorse")


async def test_a_password_that_was_hashed_with_its_own_spaces_still_fits(
    passwords: Passwords, hasher: WatchedHasher
) -> None:
    before = hasher.hash("correct\u00a0horse".encode())
    assert await passwords.verify(before, "correct\u00a0horse")
    assert not await passwords.verify(before, "correct horse")
