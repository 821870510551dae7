"""No token outlives what is recorded of its key, because its key leaves the JWK Set by that."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import pytest
from support.operators import Operator, parts
from support.worlds import World, another_server, pair_in

from token_server.store.engine import Engine
from token_server.store.key_expiries import StoredKeyExpiries
from token_server.tokens.model import Kid
from token_server.tokens.moments import to_seconds

pytestmark = pytest.mark.anyio


async def recorded(world: World) -> Mapping[Kid, datetime]:
    engine = Engine(world.redis, waits_for_fsync=False)
    return await StoredKeyExpiries(engine, propagation_period=timedelta(0)).latest()


async def assert_covered(world: World, pair: dict[str, Any]) -> None:
    by_kid = await recorded(world)
    for name in ("access_token", "refresh_token"):
        header, claims = parts(pair[name])
        assert claims["exp"] <= to_seconds(by_kid[header["kid"]])


async def test_it_is_recorded_before_the_first_token_and_after_each_step(
    world: World, keys: Operator
) -> None:
    pair = await world.log_in()
    for hours in (0, 0.2, 0.3, 100, 300):
        world.clock.move(hours=hours)
        pair = pair_in(await world.refresh(pair["refresh_token"]))
        await assert_covered(world, pair)
    assert set(await recorded(world)) == {keys.active}


async def test_it_is_recorded_of_the_key_that_signs_also_where_it_has_just_come_to(
    world: World, keys: Operator
) -> None:
    pair = await world.log_in()
    world.clock.move(hours=1)
    await keys.rotate()
    for change in (None, keys.revoke):
        if change:
            await change(keys.active)
        pair = pair_in(await world.refresh(pair["refresh_token"]))
        await assert_covered(world, pair)


async def test_short_lived_tokens_hold_no_key_longer_than_they_live(
    world: World, keys: Operator
) -> None:
    pair = await world.log_in(use_short_term_refresh="true")
    pair = pair_in(await world.refresh(pair["refresh_token"]))
    (until,) = (await recorded(world)).values()
    expires_at = parts(pair["refresh_token"])[1]["exp"]
    # A step is a quarter of the propagation period: of an hour.
    assert 0 <= to_seconds(until) - expires_at <= 15 * 60
    assert parts(pair["refresh_token"])[0]["kid"] == keys.active


async def test_a_repeat_of_what_a_server_with_longer_lifetimes_has_issued_is_covered_too(
    world: World, keys: Operator
) -> None:
    first = await world.log_in()
    pair_in(await world.refresh(first["refresh_token"]))
    await keys.revoke(keys.active)
    async with another_server(world, refresh_token_lifetime="1d") as other:
        await assert_covered(world, pair_in(await other.refresh(first["refresh_token"])))


async def test_what_is_recorded_costs_a_write_a_step_and_not_one_a_token(world: World) -> None:
    pair = await world.log_in()
    before = await recorded(world)
    for _ in range(50):
        world.clock.move(seconds=17)
        pair = pair_in(await world.refresh(pair["refresh_token"]))
    assert await recorded(world) == before


@pytest.mark.parametrize("overrides", [{"GRACE_PERIOD": "0", "RECOVERY_PERIOD": "0"}])
async def test_where_it_cannot_be_recorded_nothing_has_changed(world: World) -> None:
    """A client that asks again is not logged out, however strict the policy."""
    pair = await world.log_in()
    operator = Engine(world.redis, waits_for_fsync=False)
    await operator.command("ACL", "SETUSER", "default", "resetkeys", "~{*")
    world.clock.move(hours=1)
    assert (await world.refresh(pair["refresh_token"])).status_code == 503
    await operator.command("ACL", "SETUSER", "default", "allkeys")
    await assert_covered(world, pair_in(await world.refresh(pair["refresh_token"])))
