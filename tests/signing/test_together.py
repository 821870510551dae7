"""Signatures that are asked for together: each one its own, whatever becomes of the others."""

import asyncio

import pytest
from support.keys import private_key

from token_server.signing import jws
from token_server.signing.together import MOST_IN_A_TURN, SigningTurn

pytestmark = pytest.mark.anyio


async def test_each_gets_the_signature_that_was_asked_for() -> None:
    turn = SigningTurn()
    asked = [(f"header.{number}", private_key(number % 2)) for number in range(5)]
    signed = [turn.sign([text, f"{text}.too"], key) for text, key in asked]
    assert await asyncio.gather(*signed) == [
        [jws.signed(text, key), jws.signed(f"{text}.too", key)] for text, key in asked
    ]


async def test_none_is_signed_before_all_of_that_turn_were_asked_for() -> None:
    turn = SigningTurn()
    first = turn.sign(["header.1"], private_key(0))
    second = turn.sign(["header.2"], private_key(0))
    assert not first.done()
    await first
    assert second.done()


async def test_what_comes_while_many_are_signed_is_not_kept_waiting_for_all_of_them() -> None:
    turn = SigningTurn()
    signed = [turn.sign(["header.1"], private_key(0)) for _ in range(2 * MOST_IN_A_TURN)]
    await signed[0]
    assert [each.done() for each in signed].count(True) == MOST_IN_A_TURN
    await signed[-1]


async def test_who_has_gone_takes_nobody_elses_signature() -> None:
    turn = SigningTurn()
    gone, stays = (turn.sign([text], private_key(0)) for text in ("header.1", "header.2"))
    gone.cancel()
    assert await stays == [jws.signed("header.2", private_key(0))]


async def test_what_cannot_be_signed_fails_alone() -> None:
    turn = SigningTurn()
    odd, stays = (turn.sign([text], private_key(0)) for text in ("h\u00e4ader", "header.2"))
    with pytest.raises(UnicodeEncodeError):
        await odd
    assert await stays == [jws.signed("header.2", private_key(0))]
