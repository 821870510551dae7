"""Who asks for signatures waits for those who are about to: for nobody else, and not long."""

import asyncio
import socket
from collections.abc import Callable, Coroutine, Sequence
from contextlib import ExitStack
from itertools import pairwise
from types import SimpleNamespace

import pytest
import uvloop
from hypothesis import given
from hypothesis import strategies as st
from support.keys import GRACE, NOW, fresh_keyset, private_key, private_keys, public_key
from support.lanes import planned
from support.signing import signed_one

from token_server.signing import together
from token_server.signing.live import Keys, LiveKeys
from token_server.signing.rs512 import Rs512Key
from token_server.signing.together import MOST_IN_A_TURN, SigningTurn
from token_server.tokens.model import Unsigned

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(10)]

KEY = planned(private_key(0))
A_PAIR = ["header.access", "header.refresh"]


@pytest.fixture
def endless_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """For who is expected: no test passes because time does."""
    monkeypatch.setattr(together, "LONGEST_WAIT_SECONDS", 3600)


async def several_turns_of_the_loop() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def how_many_are_done(signed: Sequence[asyncio.Future[list[str]]]) -> int:
    return [each.done() for each in signed].count(True)


@pytest.mark.usefixtures("endless_wait")
async def test_who_asks_waits_for_those_who_are_about_to() -> None:
    turn = SigningTurn()
    signed: list[asyncio.Future[list[str]]] = []
    with turn:
        with turn:
            signed.append(turn.sign(A_PAIR, KEY))
            await several_turns_of_the_loop()
        signed.append(turn.sign(A_PAIR, KEY))
        await several_turns_of_the_loop()
        assert how_many_are_done(signed) == 0
    signed.append(turn.sign(A_PAIR, KEY))
    await signed[0]
    assert how_many_are_done(signed) == 3


@pytest.mark.usefixtures("endless_wait")
async def test_nobody_waits_for_one_who_will_not_ask_after_all() -> None:
    turn = SigningTurn()
    with ExitStack() as expected:
        expected.enter_context(turn)
        expected.enter_context(turn)
        signed = turn.sign(A_PAIR, KEY)
        await several_turns_of_the_loop()
        assert not signed.done()
    await signed


@pytest.mark.usefixtures("endless_wait")
async def test_as_many_as_are_computed_at_once_wait_for_nobody_else() -> None:
    turn = SigningTurn()
    with turn, turn:
        signed = [turn.sign(A_PAIR, KEY) for _ in range(3)]
        await several_turns_of_the_loop()
        assert how_many_are_done(signed) == 0
        signed.append(turn.sign(A_PAIR, KEY))
        await signed[0]
        assert how_many_are_done(signed) == 4


@pytest.mark.usefixtures("endless_wait")
async def test_nobody_waits_where_nobody_is_expected() -> None:
    turn = SigningTurn()
    await asyncio.gather(*(turn.sign(A_PAIR, KEY) for _ in range(2)))


@pytest.mark.usefixtures("endless_wait")
def test_whose_request_is_read_while_somebody_asks_is_waited_for() -> None:
    async def done_before_the_other_left() -> bool:
        loop, turn, leaves = asyncio.get_running_loop(), SigningTurn(), asyncio.Event()

        async def is_about_to_ask() -> None:
            with turn:
                await leaves.wait()

        ours, theirs = socket.socketpair()
        with ours, theirs:
            coming = loop.create_future()
            await loop.connect_accepted_socket(lambda: Coming(is_about_to_ask, coming), ours)
            theirs.send(b"a request")
            signed = turn.sign(A_PAIR, KEY)
            task = await coming
            await several_turns_of_the_loop()
            is_done = signed.done()
            leaves.set()
            await asyncio.gather(task, signed)
        return is_done

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert not runner.run(done_before_the_other_left())


class Coming(asyncio.Protocol):
    """Begins a task for what it reads, as the HTTP protocol does for a request."""

    def __init__(
        self,
        begin: Callable[[], Coroutine[None, None, None]],
        coming: "asyncio.Future[asyncio.Task[None]]",
    ) -> None:
        self._begin = begin
        self._coming = coming

    def data_received(self, data: bytes) -> None:
        del data
        self._coming.set_result(asyncio.ensure_future(self._begin()))


@pytest.mark.usefixtures("endless_wait")
async def test_a_key_that_signs_one_by_one_waits_for_nobody() -> None:
    turn, slow = SigningTurn(), Rs512Key(private_key(0))
    with turn, turn, turn:
        await turn.sign(["header.access"], slow)


@pytest.fixture
async def wait_ends(
    monkeypatch: pytest.MonkeyPatch, endless_wait: None
) -> Sequence[Callable[[], None]]:
    """What is called when a wait is over, for each wait that was begun."""
    del endless_wait
    loop, ends = asyncio.get_running_loop(), list[Callable[[], None]]()
    begin = loop.call_later

    def noted(seconds: float, end: Callable[[], None]) -> asyncio.TimerHandle:
        ends.append(end)
        return begin(seconds, end)

    monkeypatch.setattr(loop, "call_later", noted)
    return ends


async def test_who_asks_later_prolongs_no_wait(wait_ends: Sequence[Callable[[], None]]) -> None:
    turn = SigningTurn()
    with turn, turn:
        for _ in range(2):
            turn.sign(A_PAIR, KEY)
            await several_turns_of_the_loop()
        assert len(wait_ends) == 1


async def test_no_more_are_signed_in_a_turn_where_a_wait_ends_while_many_ask(
    wait_ends: Sequence[Callable[[], None]],
) -> None:
    turn, done = SigningTurn(), [0]
    with turn:
        first = turn.sign(A_PAIR, KEY)
        await several_turns_of_the_loop()
        signed = [first, *(turn.sign(A_PAIR, KEY) for _ in range(4 * MOST_IN_A_TURN))]
        wait_ends[0]()
        while done[-1] < len(signed):
            done.append(how_many_are_done(signed))
            await asyncio.sleep(0)
    assert max(after - before for before, after in pairwise(done)) == MOST_IN_A_TURN


async def test_a_look_that_finds_nobody_asking_begins_no_wait(
    wait_ends: Sequence[Callable[[], None]],
) -> None:
    turn, faults = SigningTurn(), list[object]()
    asyncio.get_running_loop().set_exception_handler(lambda _, fault: faults.append(fault))
    with turn:
        turn.sign(A_PAIR, KEY)
        await several_turns_of_the_loop()
        last = turn.sign(A_PAIR, KEY)
        wait_ends[0]()
        assert last.done()
        await several_turns_of_the_loop()
    assert (len(wait_ends), faults) == (1, [])


async def test_nobody_waits_for_long() -> None:
    turn = SigningTurn()
    with turn, turn, turn:
        async with asyncio.timeout(1):
            assert await turn.sign(A_PAIR, KEY) == await turn.sign(A_PAIR, KEY)


@pytest.mark.usefixtures("endless_wait")
async def test_one_who_is_expected_is_enough_to_be_waited_for() -> None:
    turn = SigningTurn()
    with turn:
        lone = turn.sign(["header.access"], KEY)
        await several_turns_of_the_loop()
        assert not lone.done()
    await lone


async def test_nobody_waits_for_a_store_that_answers_late_until_it_answers_soon(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now, turn = 0.0, SigningTurn()
    monkeypatch.setattr(together, "time", SimpleNamespace(monotonic=lambda: now))
    for _ in range(100):
        with turn:
            now += 10_000
    with turn, turn, turn:
        signed = turn.sign(A_PAIR, KEY)
        await several_turns_of_the_loop()
        assert signed.done()
    monkeypatch.setattr(together, "LONGEST_WAIT_SECONDS", 3600)
    with turn, turn:
        signed = turn.sign(A_PAIR, KEY)
        await several_turns_of_the_loop()
        assert not signed.done()


@pytest.mark.usefixtures("endless_wait", "has_lanes", "one_plan")
async def test_keys_that_change_meanwhile_keep_nobody_waiting() -> None:
    keys = Keys(keyset=fresh_keyset(), private_keys=private_keys(0, 1))
    live = LiveKeys(keys, grace_period=GRACE, propagation_period=GRACE)
    kid, pair = public_key(0).kid, (Unsigned({"a": 1}), Unsigned({"b": 2}))
    with live.expecting(), live.expecting():
        before = asyncio.ensure_future(live.sign(*pair, kid=kid, now=NOW))
        await several_turns_of_the_loop()
        assert not before.done()
        live.take(keys)
        after = await live.sign(*pair, kid=kid, now=NOW)
        assert not before.done()
    assert await before == after


@pytest.mark.usefixtures("endless_wait")
async def test_who_has_asked_and_gone_keeps_nobody_waiting() -> None:
    turn = SigningTurn()
    with turn, turn:
        gone = turn.sign(A_PAIR, KEY)
        gone.cancel()
    await turn.sign(A_PAIR, KEY)


COMES, LEAVES, ASKS, TURNS = "somebody is expected", "leaves", "asks", "the loop turns"


@given(st.lists(st.sampled_from([COMES, LEAVES, ASKS, TURNS]), max_size=60))
def test_all_are_signed_for_once_nobody_is_expected(steps: list[str]) -> None:
    async def played() -> list[list[str]]:
        turn, expected = SigningTurn(), 0
        signed: list[asyncio.Future[list[str]]] = []
        for step in steps:
            if step == COMES:
                turn.__enter__()
                expected += 1
            elif step == LEAVES and expected:
                turn.__exit__(None, None, None)
                expected -= 1
            elif step == ASKS:
                signed.append(turn.sign([f"header.{len(signed)}"], KEY))
            else:
                await asyncio.sleep(0)
        for _ in range(expected):
            turn.__exit__(None, None, None)
        async with asyncio.timeout(5):
            return await asyncio.gather(*signed)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(together, "LONGEST_WAIT_SECONDS", 3600)
        tokens = asyncio.run(played())
    assert tokens == [
        [signed_one(f"header.{number}", private_key(0))] for number in range(len(tokens))
    ]
