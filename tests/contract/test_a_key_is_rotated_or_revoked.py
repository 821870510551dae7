"""What clients notice when the signing key changes: nothing, also where it was stolen."""

import asyncio
import hashlib
import hmac
import random
import uuid
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from support.operators import GRACE, POLICY, Operator, kids_of, parts, revoke
from support.signing import compact
from support.worlds import World, another_server, pair_in

from token_server.signing import jws, rotation

pytestmark = pytest.mark.anyio

FORGERIES = 1_000


async def test_a_repeat_answers_the_same_bytes_across_a_rotation(
    world: World, keys: Operator
) -> None:
    before = keys.active
    first = await world.log_in()
    world.clock.move(hours=1)
    answer = await world.refresh(first["refresh_token"])
    await keys.rotate()
    assert keys.active != before
    world.clock.move(seconds=59)
    assert (await world.refresh(first["refresh_token"])).content == answer.content
    assert kids_of(pair_in(answer)) == {before}


async def test_after_the_grace_period_the_new_key_signs(world: World, keys: Operator) -> None:
    first = await world.log_in()
    world.clock.move(hours=1)
    pair_in(await world.refresh(first["refresh_token"]))
    await keys.rotate()
    world.clock.move(seconds=60)
    assert kids_of(pair_in(await world.refresh(first["refresh_token"]))) == {keys.active}


async def test_a_repeat_answers_the_same_bytes_where_only_another_server_has_noticed(
    world: World, keys: Operator
) -> None:
    first = await world.log_in()
    world.clock.move(hours=1)
    keys.directory.change(
        partial(rotation.rotate, policy=POLICY, at_once=True),
        key_size=2048,
        clock=world.clock,
        grace_period=GRACE,
    )
    async with another_server(world) as other:
        answer = await other.refresh(first["refresh_token"])
    assert kids_of(pair_in(answer)) == {keys.active}
    assert (await world.refresh(first["refresh_token"])).content == answer.content


async def test_a_repeat_after_a_revocation_has_the_same_ids_and_moments_under_another_key(
    world: World, keys: Operator
) -> None:
    stolen = keys.active
    first = await world.log_in()
    answer = pair_in(await world.refresh(first["refresh_token"]))
    await keys.revoke(stolen)
    again = pair_in(await world.refresh(first["refresh_token"]))
    assert kids_of(answer) == {stolen}
    assert kids_of(again) == {keys.active} != {stolen}
    for name in ("access_token", "refresh_token"):
        assert parts(again[name])[1] == parts(answer[name])[1]
    # Both copies of the refresh token are one token: the client may show either.
    pair_in(await world.refresh(answer["refresh_token"]))
    pair_in(await world.refresh(again["refresh_token"]))


async def test_a_stolen_key_logs_nobody_out(world: World, keys: Operator) -> None:
    stolen = keys.active
    pairs = [await world.log_in(f"user{number}") for number in range(5)]
    await keys.revoke(stolen)
    world.clock.move(days=13)
    refreshed = [pair_in(await world.refresh(pair["refresh_token"])) for pair in pairs]
    assert {kid for pair in pairs for kid in kids_of(pair)} == {stolen}
    assert {kid for pair in refreshed for kid in kids_of(pair)} == {keys.active}


async def test_nor_do_two_in_a_row_however_young_the_next_key_is(
    world: World, keys: Operator
) -> None:
    pair = await world.log_in()
    for _ in range(3):
        await keys.revoke(keys.active)
        pair = pair_in(await world.refresh(pair["refresh_token"]))
        assert kids_of(pair) == {keys.active}


async def test_a_server_that_has_not_noticed_yet_looks_when_it_is_shown_an_unknown_key(
    world: World, keys: Operator
) -> None:
    """Another server of the house has: it signs by a key that was announced a moment ago."""
    of_the_other = await signed_by_a_key_of_another_server(world, keys)
    assert kids_of(pair_in(await world.refresh(of_the_other))) == {keys.active}


async def test_many_who_show_an_unknown_key_at_once_all_wait_for_that_look(
    world: World, keys: Operator
) -> None:
    token = await signed_by_a_key_of_another_server(world, keys)
    answers = await asyncio.gather(*(world.refresh(token) for _ in range(8)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1


async def test_who_shows_an_unknown_key_while_the_keyset_cannot_be_followed_is_to_try_again(
    world: World, keys: Operator
) -> None:
    """It may be as good as ours: a refusal would log out its client."""
    of_the_other = await signed_by_a_key_of_another_server(world, keys)
    path = keys.folder / "keyset.json"
    good, signing = path.read_bytes(), keys.active
    path.write_bytes(good[:-100])
    assert (await world.refresh(of_the_other)).status_code == 503
    path.write_bytes(good)
    assert kids_of(pair_in(await world.refresh(of_the_other))) == {signing}


async def signed_by_a_key_of_another_server(world: World, keys: Operator) -> str:
    """A live refresh token, by a key that was announced and came to sign a moment ago."""
    pair = await world.log_in()
    for _ in range(2):
        keys.directory.change(
            partial(revoke, keys.active), key_size=2048, clock=world.clock, grace_period=GRACE
        )
    claims = parts(pair["refresh_token"])[1]
    return compact(jws.header_of(keys.active), claims, keys.private(keys.active))


async def test_access_tokens_of_a_stolen_key_are_refused(world: World, keys: Operator) -> None:
    pair = await world.log_in()
    await keys.revoke(keys.active)
    assert (await world.log_out(pair["access_token"])).status_code == 401
    fresh = pair_in(await world.refresh(pair["refresh_token"]))
    assert (await world.log_out(fresh["access_token"])).status_code == 204


async def test_a_genuine_but_expired_token_is_refused_whatever_expiry_a_thief_writes_into_it(
    world: World, keys: Operator
) -> None:
    stolen, private = keys.active, keys.private(keys.active)
    pair = await world.log_in()
    await keys.revoke(stolen)
    claims = parts(pair["refresh_token"])[1]
    later = compact(jws.header_of(stolen), claims | {"exp": claims["exp"] + 10**6}, private)
    world.clock.move(days=14)
    refused = await world.refresh(later)
    assert (refused.status_code, refused.json()["errorCode"]) == (401, "ExpiredToken")


async def test_nor_does_a_spent_one_bring_a_new_pair_once_it_has_expired(
    world: World, keys: Operator
) -> None:
    """Of a session that is idle: its successor may be waiting at the client for days."""
    stolen, private = keys.active, keys.private(keys.active)
    before = await world.log_in()
    spent = pair_in(await world.refresh(before["refresh_token"]))
    world.clock.move(days=13)
    current = pair_in(await world.refresh(spent["refresh_token"]))
    await keys.revoke(stolen)
    world.clock.move(days=1)
    for pair in (before, spent):
        claims = parts(pair["refresh_token"])[1]
        later = compact(jws.header_of(stolen), claims | {"exp": claims["exp"] + 10**6}, private)
        refused = await world.refresh(later)
        assert (refused.status_code, refused.json()["errorCode"]) == (401, "ExpiredToken")
    pair_in(await world.refresh(current["refresh_token"]))


async def test_a_token_of_a_stolen_key_with_another_signature_is_refused(
    world: World, keys: Operator
) -> None:
    pair = await world.log_in()
    await keys.revoke(keys.active)
    header, claims, signature = pair["refresh_token"].split(".")
    broken = f"{header}.{claims}.{signature[:-8]}AAAAAAAA"
    assert (await world.refresh(broken)).status_code == 401
    pair_in(await world.refresh(pair["refresh_token"]))


async def test_of_1000_refresh_tokens_that_a_thief_of_the_key_makes_none_is_accepted(
    world: World, keys: Operator
) -> None:
    """The thief knows the private key and every claim that we ever wrote, but no secret."""
    stolen, private = keys.active, keys.private(keys.active)
    first = await world.log_in()
    second = pair_in(await world.refresh(first["refresh_token"]))
    await keys.revoke(stolen)
    forged = [
        compact(jws.header_of(stolen), claims, private)
        for claims in _guesses(first, second, private)
    ]
    assert len(set(forged)) == FORGERIES
    accepted = [token for token in forged if await _is_accepted(world, token)]
    assert accepted == []
    pair_in(await world.refresh(second["refresh_token"]))


async def _is_accepted(world: World, token: str) -> bool:
    status = (await world.refresh(token)).status_code
    assert status in (200, 401)
    return status == 200


def _guesses(
    first: dict[str, Any], second: dict[str, Any], private: RSAPrivateKey
) -> Iterator[dict[str, Any]]:
    """Claims of refresh tokens that were never issued."""
    claims = parts(second["refresh_token"])[1]
    seen = [
        *(parts(pair["refresh_token"])[1]["token_id"] for pair in (first, second)),
        *(parts(pair["access_token"])[1]["jti"] for pair in (first, second)),
    ]
    secrets = [bytes(32), str(private.private_numbers().d).encode(), claims["sid"].encode()]
    dice = random.Random(3)
    for number in range(FORGERIES):
        generation = dice.choice([0, 1, 2, 3, number])
        text = f"refresh:{claims['sid']}:{generation}".encode()
        digest = hmac.digest(dice.choice(secrets), text, hashlib.sha256)
        guess = dice.choice(
            [
                str(uuid.UUID(bytes=dice.randbytes(16), version=4)),
                str(uuid.UUID(bytes=digest[:16], version=4)),
                dice.choice(seen),
            ]
        )
        issued = {(0, seen[0]), (1, seen[1])}
        if (generation, guess) in issued:
            generation += 2
        yield claims | {"generation": generation, "token_id": guess, "iat": claims["iat"] - number}
