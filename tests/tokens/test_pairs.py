"""The two tokens of a pair belong together, whatever happens while they are made."""

import asyncio

import pytest
from support.rule_book import RuleBook, header_of

pytestmark = pytest.mark.anyio


async def test_both_tokens_of_a_pair_are_by_one_key_though_it_is_revoked_meanwhile(
    book: RuleBook,
) -> None:
    pair = await book.issue()
    refreshing = asyncio.create_task(book.rules.refresh(pair.refresh_token))
    while book.facts[-1]["event"] != "rotated":  # noqa: ASYNC110 - not a turn of the loop too late
        await asyncio.sleep(0)
    # Decided and recorded, not yet signed.
    assert not refreshing.done()
    book.revoke_the_key()
    fresh = await refreshing
    assert header_of(fresh.access_token)["kid"] == header_of(fresh.refresh_token)["kid"]
