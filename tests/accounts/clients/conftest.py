"""The desk of a server, on a store of its own."""

from pathlib import Path

import pytest
from redis.asyncio import Redis
from support.desk import Desk, open_desk


@pytest.fixture
async def desk(redis: Redis, tmp_path: Path) -> Desk:
    return await open_desk(redis, tmp_path)
