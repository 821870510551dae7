"""What is made sure of before any worker starts."""

import asyncio

import pytest
from support.operators import Operator
from support.worlds import World

from token_server.app.preparing import prepare
from token_server.problems import Problem

pytestmark = pytest.mark.anyio


async def test_no_other_keyset_is_begun_while_tokens_of_one_that_is_gone_are_alive(
    world: World, keys: Operator
) -> None:
    """A volume that is not mounted looks like a first start."""
    await world.log_in()
    keys.folder.rename(keys.folder.with_name("away"))
    with pytest.raises(Problem, match="holds no keyset, and the store knows of live tokens"):
        await asyncio.to_thread(prepare, world.settings)
    assert not keys.folder.exists()


async def test_where_the_store_knows_of_none_the_first_keyset_is_made(
    world: World, keys: Operator
) -> None:
    world.clock.move(days=-15)
    await world.log_in()
    keys.folder.rename(keys.folder.with_name("away"))
    await asyncio.to_thread(prepare, world.settings)
    assert keys.active
