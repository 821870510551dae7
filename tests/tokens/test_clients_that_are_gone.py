"""A client that was taken out of the clients file, or became public, has no live token."""

from dataclasses import replace

import pytest
from support.client_desk import BILLING
from support.rule_book import PORTAL, WATCHER, RuleBook, claims_of

from token_server.tokens.clients import Asked, AuthMethod, Client
from token_server.tokens.refusals import ClientGone, TokenMisplaced

pytestmark = pytest.mark.anyio

NOTHING = Asked()
PUBLIC = frozenset({AuthMethod.NONE})


def change(book: RuleBook, client: Client, how: str) -> None:
    if how == "removed":
        del book.registered[client.client_id]
    else:
        book.registered[client.client_id] = replace(client, auth_methods=PUBLIC)


async def is_active(book: RuleBook, token: str) -> bool:
    return await book.rules.introspect(token, client=WATCHER) is not None


@pytest.mark.parametrize("how", ["removed", "public"])
async def test_no_access_token_of_such_a_client_is_active(book: RuleBook, how: str) -> None:
    pair = await book.issue(client=BILLING)
    own = await book.rules.client_credentials(BILLING, NOTHING)
    exchanged = await book.rules.exchange(BILLING, pair.access_token, NOTHING)
    anonymous = await book.issue()
    other = await book.issue(client=PORTAL)
    tokens = [pair.access_token, own.access_token, exchanged.access_token]
    change(book, BILLING, how)
    for token in tokens:
        assert not await is_active(book, token)
        with pytest.raises(ClientGone):
            await book.rules.exchange(
                replace(PORTAL, may_exchange=frozenset({"billing"})), token, NOTHING
            )
    for token in (anonymous.access_token, other.access_token):
        assert await is_active(book, token)
    book.registered["billing"] = BILLING
    for token in tokens:
        assert await is_active(book, token)


@pytest.mark.parametrize("how", ["removed", "public"])
async def test_what_another_client_got_in_exchange_for_its_sessions_token_is_inactive_too(
    book: RuleBook, how: str
) -> None:
    pair = await book.issue(client=PORTAL)
    may = replace(BILLING, may_exchange=frozenset({"portal"}))
    exchanged = await book.rules.exchange(may, pair.access_token, NOTHING)
    assert await is_active(book, exchanged.access_token)
    change(book, PORTAL, how)
    assert not await is_active(book, exchanged.access_token)


async def test_a_session_of_a_confidential_client_is_not_refreshed_by_a_public_one(
    book: RuleBook,
) -> None:
    """Else whoever holds its refresh token could: a public client proves nothing."""
    first = await book.issue(client=PORTAL)
    pair = await book.rules.refresh(first.refresh_token, client=PORTAL)
    public = replace(PORTAL, auth_methods=PUBLIC)
    for token in (first.refresh_token, pair.refresh_token):
        with pytest.raises(TokenMisplaced):
            await book.rules.refresh(token, client=public)
    await book.rules.refresh(pair.refresh_token, client=PORTAL)


@pytest.mark.parametrize("reusable", [True, False])
async def test_a_session_that_began_as_a_public_clients_goes_on(
    book: RuleBook, *, reusable: bool
) -> None:
    """Also if its client becomes confidential, and public again."""
    public = replace(PORTAL, auth_methods=PUBLIC, reusable=reusable)
    book.registered["portal"] = public
    pair = await book.issue(client=public)
    for client in (public, replace(PORTAL, reusable=reusable), public):
        book.registered["portal"] = client
        assert await is_active(book, pair.access_token)
        pair = await book.rules.refresh(pair.refresh_token, client=client)
        assert pair.session.reusable is reusable


async def test_a_log_out_and_a_revocation_work_all_the_same(book: RuleBook) -> None:
    first, second = await book.issue(client=PORTAL), await book.issue(client=PORTAL)
    change(book, PORTAL, "removed")
    await book.rules.log_out(first.access_token)
    await book.rules.revoke(second.refresh_token, client=PORTAL)
    book.registered["portal"] = PORTAL
    for pair in (first, second):
        assert not await is_active(book, pair.access_token)


@pytest.mark.parametrize("how", ["removed", "public"])
async def test_explain_says_that_the_client_is_gone(book: RuleBook, how: str) -> None:
    pair = await book.issue(client=PORTAL)
    change(book, PORTAL, how)
    told = await book.rules.explain(pair.refresh_token)
    assert told.client_is_gone
    told = await book.rules.explain(pair.access_token)
    assert isinstance(told.refusal, ClientGone)
    assert told.refusal.ids["token_id"] == claims_of(pair.access_token)["jti"]
