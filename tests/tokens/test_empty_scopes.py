"""A scope that shrinks to nothing: a token of a client never reads as an unrestricted one."""

from dataclasses import replace

import pytest
from support.desk import read
from support.rule_book import PORTAL, RuleBook, claims_of

from token_server.tokens.clients import AccessTokenFormat, Asked, Client
from token_server.tokens.refusals import ScopeRefused

pytestmark = pytest.mark.anyio

UNSCOPED = replace(PORTAL, scope=())
EMPTIED = replace(PORTAL, scope=(), names_scope=True)
OTHER = replace(PORTAL, scope=("other",))
MODERN = replace(EMPTIED, access_token_format=AccessTokenFormat.AT_JWT)


@pytest.mark.parametrize("now", [UNSCOPED, EMPTIED, OTHER, MODERN])
async def test_a_session_whose_client_lost_its_scope_gets_tokens_that_allow_nothing(
    book: RuleBook, now: Client
) -> None:
    pair = await book.issue(client=PORTAL)
    later = await book.rules.refresh(pair.refresh_token, client=now)
    assert later.scope == claims_of(later.access_token)["scope"] == ""
    for token in (later.access_token, later.refresh_token):
        members = await book.rules.introspect(token, client=now)
        assert members
        assert members["scope"] == ""
    with pytest.raises(ScopeRefused):
        await book.rules.refresh(later.refresh_token, client=now, asked=Asked(scope="profile"))
    restored = await book.rules.refresh(later.refresh_token, client=PORTAL)
    assert restored.scope == "profile invoices:read"


async def test_a_session_without_scope_gets_none_when_its_client_is_given_one(
    book: RuleBook,
) -> None:
    pair = await book.issue(client=UNSCOPED)
    assert "scope" not in claims_of(pair.access_token)
    later = await book.rules.refresh(pair.refresh_token, client=PORTAL)
    assert claims_of(later.access_token)["scope"] == ""


@pytest.mark.parametrize("client", [EMPTIED, MODERN])
async def test_an_empty_scope_in_the_file_is_said_in_every_token(
    book: RuleBook, client: Client
) -> None:
    own = await book.rules.client_credentials(client, Asked())
    pair = await book.issue(client=client)
    again = await book.rules.refresh(pair.refresh_token, client=client)
    for token in (own.access_token, pair.access_token, again.access_token):
        assert claims_of(token)["scope"] == ""


def test_a_file_tells_an_empty_scope_from_none() -> None:
    table = '[[clients]]\nclient_id = "c"\ntoken_endpoint_auth_method = "none"\n'
    for text, says in ((table, False), (table + 'scope = ""\n', True)):
        assert read(text).clients["c"].client.has_scope is says
