"""A client secret may be guessed a few times only, and the client itself is not kept out."""

from datetime import timedelta

import pytest
from redis.asyncio import Redis
from support.desk import SECRETS, Desk, basic, shown

from token_server.tokens.refusals import ClientRefused, Refusal, TooManyAttempts

pytestmark = pytest.mark.anyio

HERE, ELSEWHERE = "192.0.2.1", "198.51.100.7"
RIGHT, WRONG = (basic("billing", secret) for secret in (SECRETS["billing"], "wrong"))


async def refusal(desk: Desk, authorization: str, peer: str = HERE) -> Refusal:
    with pytest.raises(Refusal) as refused:
        await desk.client(shown(authorization, peer=peer))
    return refused.value


async def is_let_in(desk: Desk, peer: str = HERE) -> bool:
    client = await desk.client(shown(RIGHT, peer=peer))
    return client is not None


async def test_after_too_many_wrong_secrets_even_the_right_one_must_wait(desk: Desk) -> None:
    for _ in range(3):
        assert isinstance(await refusal(desk, WRONG), ClientRefused)
    for authorization in (WRONG, RIGHT):
        refused = await refusal(desk, authorization)
        assert isinstance(refused, TooManyAttempts)
        assert refused.retry_in == timedelta(minutes=1)
        assert refused.ids == {"client_id": "billing"}
    assert await is_let_in(desk, ELSEWHERE)
    desk.clock.move(minutes=1)
    assert await is_let_in(desk)


async def test_a_secret_in_the_form_counts_as_well(desk: Desk) -> None:
    refusals = []
    for _ in range(4):
        with pytest.raises(Refusal) as refused:
            await desk.client(shown(client_id="poster", client_secret="wrong"))
        refusals.append(type(refused.value))
    assert refusals == [ClientRefused] * 3 + [TooManyAttempts]


async def test_a_client_that_does_not_exist_is_limited_alike(desk: Desk) -> None:
    refusals = [await refusal(desk, basic("nobody", "x")) for _ in range(4)]
    assert [type(each) for each in refusals] == [ClientRefused] * 3 + [TooManyAttempts]
    assert refusals[-1].ids == {}


@pytest.mark.parametrize("hours", [0, 2, 24 * 89])
async def test_a_client_is_never_kept_out_of_a_network_that_it_used_before(
    desk: Desk, hours: int
) -> None:
    assert await is_let_in(desk)
    desk.clock.move(hours=hours)
    while not isinstance(await refusal(desk, WRONG), TooManyAttempts):
        pass
    assert [await is_let_in(desk) for _ in range(3)] == [True] * 3


async def test_a_known_client_asks_the_store_once_an_hour(desk: Desk, redis: Redis) -> None:
    assert await is_let_in(desk)
    await redis.flushall()
    assert await is_let_in(desk)
    assert not await redis.keys("token-server:known-networks:*")
    desk.clock.move(hours=1)
    assert await is_let_in(desk)
    assert await redis.keys("token-server:known-networks:*")
