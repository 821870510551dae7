"""Whether a server says that it is ready: only while it can answer with a token."""

import asyncio
import os
import signal
from functools import partial

import pytest
from support.operators import GRACE, Operator, revoke
from support.worlds import World, pair_in

pytestmark = pytest.mark.anyio


async def test_a_server_whose_signing_key_cannot_be_opened_is_not_ready(
    world: World, keys: Operator
) -> None:
    pair = await world.log_in()
    assert (await world.client.get("/readyz")).status_code == 200
    # Twice: the server has opened the key that signs after the first.
    for _ in range(2):
        keys.directory.change(
            partial(revoke, keys.active), key_size=2048, clock=world.clock, grace_period=GRACE
        )
    private = keys.folder / f"{keys.active}.pem"
    away = private.rename(keys.folder.parent / "away.pem")
    await _readiness_becomes(503, world)
    assert (await world.refresh(pair["refresh_token"])).status_code == 503
    assert (await world.client.get("/livez")).status_code == 200
    away.rename(private)
    await _readiness_becomes(200, world)
    pair_in(await world.refresh(pair["refresh_token"]))


async def _readiness_becomes(status: int, world: World) -> None:
    os.kill(os.getpid(), signal.SIGHUP)
    async with asyncio.timeout(10):
        while (await world.client.get("/readyz")).status_code != status:  # noqa: ASYNC110 - no event
            await asyncio.sleep(0.01)
