"""What a store sends without being asked is the answer to no question."""

import asyncio

import pytest
from redis.asyncio import Redis

from token_server.store.pool import line_of

pytestmark = pytest.mark.anyio


async def test_a_push_of_the_store_takes_no_answer_of_a_question(redis: Redis) -> None:
    line = line_of(redis)
    await line.ask("HELLO", 3)
    await line.ask("CLIENT", "TRACKING", "ON")
    asked = [("GET", "watched"), ("SET", "watched", 1), ("ECHO", "a"), ("ECHO", "b")]
    answers = await asyncio.gather(*(line.ask(*words) for words in asked))
    assert answers == [None, b"OK", b"a", b"b"]
