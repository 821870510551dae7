"""Signatures that are asked for together: each one its own, whatever becomes of the others."""

import asyncio
from collections.abc import Sequence
from contextlib import ExitStack
from types import SimpleNamespace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st
from support.keys import GRACE, NOW, fresh_keyset, private_key, private_keys, public_key
from support.lanes import needs_lanes
from support.signing import signed_one

from token_server.signing import together
from token_server.signing.live import Keys, LiveKeys
from token_server.signing.rs512 import Rs512Key
from token_server.signing.together import MOST_IN_A_TURN, SigningTurn
from token_server.tokens.model import Unsigned

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(10)]

KEY = Rs512Key.of(private_key(0))


async def test_each_gets_the_signature_that_was_asked_for() -> None:
    turn = SigningTurn()
    keys = [Rs512Key.of(private_key(number)) for number in range(2)]
    asked = [(f"header.{number}", number % 2) for number in range(15)]
    signed = [turn.sign([text, f"{text}.too"], keys[key]) for text, key in asked]
    assert await asyncio.gather(*signed) == [
        [signed_one(each, private_key(key)) for each in (text, f"{text}.too")]
        for text, key in asked
    ]


async def test_none_is_signed_before_all_of_that_turn_were_asked_for() -> None:
    turn = SigningTurn()
    first = turn.sign(["header.1"], KEY)
    second = turn.sign(["header.2"], KEY)
    assert not first.done()
    await first
    assert second.done()


async def test_what_comes_while_many_are_signed_is_not_kept_waiting_for_all_of_them() -> None:
    turn = SigningTurn()
    signed = [turn.sign(["header.1"], KEY) for _ in range(2 * MOST_IN_A_TURN)]
    await signed[0]
    assert [each.done() for each in signed].count(True) == MOST_IN_A_TURN
    await signed[-1]


async def test_who_has_gone_takes_nobody_elses_signature() -> None:
    turn = SigningTurn()
    gone, stays = (turn.sign([text], KEY) for text in ("header.1", "header.2"))
    gone.cancel()
    assert await stays == [signed_one("header.2", private_key(0))]


async def test_what_cannot_be_signed_fails_alone() -> None:
    turn = SigningTurn()
    before = turn.sign(["header.1"], KEY)
    with pytest.raises(UnicodeEncodeError):
        turn.sign(["h\u00e4ader"], KEY)
    stays = turn.sign(["header.2"], KEY)
    assert await before == [signed_one("header.1", private_key(0))]
    assert await stays == [signed_one("header.2", private_key(0))]


async def test_a_key_that_cannot_sign_fails_all_who_asked_for_it_and_nobody_else() -> None:
    turn = SigningTurn()
    no_rsa_key = Rs512Key(Ed25519PrivateKey.generate(), ())  # type: ignore[arg-type]
    keys = [no_rsa_key, KEY, *[no_rsa_key] * MOST_IN_A_TURN, KEY]
    signed = [turn.sign(["header.1"], key) for key in keys]
    told = await asyncio.gather(*signed, return_exceptions=True)
    assert [isinstance(each, TypeError) for each in told] == [key is no_rsa_key for key in keys]
    assert told[1] == told[-1] == [signed_one("header.1", private_key(0))]


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


@needs_lanes
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


@needs_lanes
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


@needs_lanes
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


@needs_lanes
@pytest.mark.usefixtures("endless_wait")
async def test_nobody_waits_where_nobody_is_expected() -> None:
    turn = SigningTurn()
    await asyncio.gather(*(turn.sign(A_PAIR, KEY) for _ in range(2)))


@needs_lanes
@pytest.mark.usefixtures("endless_wait")
async def test_who_is_expected_a_step_of_the_loop_after_somebody_asked_is_waited_for() -> None:
    turn = SigningTurn()
    signed = turn.sign(A_PAIR, KEY)
    await asyncio.sleep(0)
    with turn:
        await several_turns_of_the_loop()
        assert not signed.done()
    await signed


@pytest.mark.usefixtures("endless_wait")
async def test_a_key_that_signs_one_by_one_waits_for_nobody() -> None:
    turn, slow = SigningTurn(), Rs512Key(private_key(0), ())
    with turn, turn, turn:
        await turn.sign(A_PAIR, slow)


async def test_nobody_waits_for_long() -> None:
    turn = SigningTurn()
    with turn, turn, turn:
        async with asyncio.timeout(1):
            assert await turn.sign(A_PAIR, KEY) == await turn.sign(A_PAIR, KEY)


@needs_lanes
@pytest.mark.usefixtures("endless_wait")
async def test_one_who_is_expected_is_enough_to_be_waited_for() -> None:
    turn = SigningTurn()
    with turn:
        lone = turn.sign(["header.access"], KEY)
        await several_turns_of_the_loop()
        assert not lone.done()
    await lone


@needs_lanes
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


@needs_lanes
@pytest.mark.usefixtures("endless_wait")
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


@needs_lanes
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
