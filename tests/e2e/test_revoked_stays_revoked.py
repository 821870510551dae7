"""Promise 2: after a log-out was answered, nothing of that session refreshes."""

import asyncio
from random import Random

from support.fast_client import Answer, FastClient, fast_clients
from support.profiles import often
from support.server import Server

from token_server.tokens.model import TokenPair

INTERLEAVINGS = often(500)
AT_ONCE = 20


def test_a_log_out_and_a_refresh_started_together_leave_no_survivor(
    server: Server, dice: Random
) -> None:
    survived, refreshed = asyncio.run(_races(server, dice))
    assert survived == 0
    # Else the two never really met.
    assert 0 < refreshed < INTERLEAVINGS


async def _races(server: Server, dice: Random) -> tuple[int, int]:
    """How many sessions survived their log-out; how many refreshes came just before it."""
    pairs = await server.pairs("racer", INTERLEAVINGS)
    survived = refreshed = 0
    async with fast_clients(server.port, 2 * AT_ONCE) as clients:
        for start in range(0, INTERLEAVINGS, AT_ONCE):
            batch = pairs[start : start + AT_ONCE]
            pauses = dice.choices([0, 0, 0.001], k=AT_ONCE)
            races = map(_race, clients[:AT_ONCE], clients[AT_ONCE:], batch, pauses)
            for lived_on, came_first in await asyncio.gather(*races):
                survived += lived_on
                refreshed += came_first
    return survived, refreshed


async def _race(
    one: FastClient, other: FastClient, pair: TokenPair, pause: float
) -> tuple[bool, bool]:
    async def refresh() -> Answer:
        await asyncio.sleep(pause)
        return await one.refresh(pair.refresh_token)

    answer, logged_out = await asyncio.gather(refresh(), other.log_out(pair.access_token))
    assert logged_out.status == 204
    shown_after = [pair.refresh_token]
    if answer.status == 200:
        shown_after.append(answer.json()["refresh_token"])
    after = [await one.refresh(token) for token in shown_after]
    return any(each.status != 401 for each in after), answer.status == 200
