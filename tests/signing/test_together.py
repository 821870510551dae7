"""Signatures that are asked for together: each one its own, whatever becomes of the others."""

import asyncio

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from support.keys import private_key
from support.signing import signed_one

from token_server.signing.rs512 import Rs512Key
from token_server.signing.together import MOST_IN_A_TURN, SigningTurn

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
    assert await turn.sign(["header.1"], KEY) == signed[-1].result()


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
    no_rsa_key = Rs512Key(Ed25519PrivateKey.generate())  # type: ignore[arg-type]
    keys = [no_rsa_key, KEY, *[no_rsa_key] * MOST_IN_A_TURN, KEY]
    signed = [turn.sign(["header.1"], key) for key in keys]
    told = await asyncio.gather(*signed, return_exceptions=True)
    assert [isinstance(each, TypeError) for each in told] == [key is no_rsa_key for key in keys]
    assert told[1] == told[-1] == [signed_one("header.1", private_key(0))]
