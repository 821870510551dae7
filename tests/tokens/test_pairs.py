"""The two tokens of a pair belong together, whatever happens while they are made."""

import asyncio
from collections.abc import Awaitable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime

import pytest
from support.rule_book import RuleBook, header_of

from token_server.tokens.model import Kid, Unsigned
from token_server.tokens.refusals import TokenReused

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


async def test_a_pair_is_expected_while_the_store_is_asked_and_no_longer(
    book: RuleBook, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected: set[object] = set()
    most, at_signing = 0, []
    announce, sign = book.keys.expecting, book.keys.sign

    @contextmanager
    def expecting() -> Iterator[None]:
        nonlocal most
        one = object()
        expected.add(one)
        most = max(most, len(expected))
        try:
            with announce():
                yield
        finally:
            expected.remove(one)

    def signed(*tokens: Unsigned, kid: Kid, now: datetime) -> Awaitable[Sequence[str]]:
        at_signing.append(len(expected))
        return sign(*tokens, kid=kid, now=now)

    first, other = await book.issue(), await book.issue()
    monkeypatch.setattr(book.keys, "expecting", expecting)
    second, _ = await asyncio.gather(
        *(book.rules.refresh(each.refresh_token) for each in (first, other))
    )
    assert most == 2
    monkeypatch.setattr(book.keys, "sign", signed)
    await book.rules.refresh(second.refresh_token)
    with pytest.raises(TokenReused):
        await book.rules.refresh(first.refresh_token)
    assert (at_signing, len(expected)) == ([0], 0)
