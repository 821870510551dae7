"""The rules, on a real store."""

import pytest
from redis.asyncio import Redis
from support.rule_book import RuleBook, open_rule_book


@pytest.fixture
async def book(redis: Redis) -> RuleBook:
    return await open_rule_book(redis)
