"""A reusable session: a fresh access token each time, and the refresh token stays."""

from dataclasses import replace
from datetime import timedelta

import pytest
from msgspec import structs
from support.client_desk import BILLING
from support.rule_book import PORTAL, RuleBook, claims_of, header_of
from support.sessions import POLICY

from token_server.tokens.refusals import (
    SessionEnded,
    TokenExpired,
    TokenMisplaced,
)

pytestmark = pytest.mark.anyio


async def test_the_very_refresh_token_that_was_shown_comes_back(book: RuleBook) -> None:
    first = await book.issue(reusable=True)
    seen = {claims_of(first.access_token)["jti"]}
    for number in range(1, 4):
        book.clock.move(seconds=0.01)
        pair = await book.rules.refresh(first.refresh_token)
        assert pair.refresh_token == first.refresh_token
        assert pair.session.generation == 0
        assert pair.session.issued_at == book.clock()
        seen.add(claims_of(pair.access_token)["jti"])
        assert len(seen) == 1 + number
    assert [fact["event"] for fact in book.facts] == ["session_begun", "kept", "kept", "kept"]


async def test_at_one_moment_there_is_one_access_token(book: RuleBook) -> None:
    first = await book.issue(reusable=True)
    pairs = [await book.rules.refresh(first.refresh_token) for _ in range(2)]
    assert pairs[0] == pairs[1]


async def test_it_does_not_slide_and_no_access_token_outlives_it(book: RuleBook) -> None:
    first = await book.issue(reusable=True)
    expires_at = first.session.refresh_token_expires_at
    assert expires_at == book.clock() + POLICY.refresh_token_lifetime
    book.clock.move(days=13, hours=23, minutes=50)
    late = await book.rules.refresh(first.refresh_token)
    assert late.session.refresh_token_expires_at == expires_at
    assert late.session.access_token_expires_at == expires_at
    assert claims_of(late.access_token)["exp"] == claims_of(first.refresh_token)["exp"]
    book.clock.now = expires_at
    with pytest.raises(TokenExpired):
        await book.rules.refresh(first.refresh_token)


async def test_its_absolute_lifetime_caps_what_comes_later_too(book: RuleBook) -> None:
    capped = replace(PORTAL, policy=structs.replace(POLICY, session_lifetime=timedelta(hours=1)))
    first = await book.issue(reusable=True, client=capped)
    book.clock.move(minutes=50)
    pair = await book.rules.refresh(first.refresh_token, client=capped)
    assert pair.session.access_token_expires_at == first.session.refresh_token_expires_at
    book.clock.move(minutes=10)
    with pytest.raises(TokenExpired):
        await book.rules.refresh(first.refresh_token, client=capped)


async def test_it_is_ended_as_any_other(book: RuleBook) -> None:
    first = await book.issue(reusable=True)
    book.clock.move(seconds=1)
    pair = await book.rules.refresh(first.refresh_token)
    await book.rules.log_out(pair.access_token)
    with pytest.raises(SessionEnded):
        await book.rules.refresh(first.refresh_token)
    with pytest.raises(SessionEnded):
        await book.rules.log_out(first.access_token)


async def test_what_its_client_says_goes_before_what_the_dialect_says(book: RuleBook) -> None:
    rotating, reusable = replace(PORTAL, reusable=False), replace(PORTAL, reusable=True)
    assert not (await book.issue(reusable=True, client=rotating)).session.reusable
    assert (await book.issue(reusable=False, client=reusable)).session.reusable
    assert (await book.issue(reusable=True, client=PORTAL)).session.reusable


async def test_the_policy_that_it_began_with_stays(book: RuleBook) -> None:
    reusable = replace(PORTAL, reusable=True)
    first = await book.issue(client=reusable)
    again = await book.rules.refresh(first.refresh_token, client=replace(PORTAL, reusable=False))
    assert again.refresh_token == first.refresh_token


async def test_it_belongs_to_its_client_like_any_other(book: RuleBook) -> None:
    first = await book.issue(client=PORTAL, reusable=True)
    for other in (None, BILLING):
        with pytest.raises(TokenMisplaced):
            await book.rules.refresh(first.refresh_token, client=other)


async def test_a_stolen_key_logs_nobody_out_of_a_reusable_session_either(book: RuleBook) -> None:
    first = await book.issue(reusable=True)
    signs_now = book.revoke_the_key()
    pair = await book.rules.refresh(first.refresh_token)
    assert pair.refresh_token == first.refresh_token
    assert header_of(pair.access_token)["kid"] == signs_now
