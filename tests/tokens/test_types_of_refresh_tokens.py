"""The `typ` of refresh tokens: a verifier that checks it takes none for an access token."""

import pytest
from support.rule_book import MODERN, PORTAL, RuleBook, claims_of, header_of

from token_server.tokens.clients import Client
from token_server.tokens.model import TokenType

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("client", [PORTAL, MODERN], ids=["jwt", "at+jwt"])
async def test_a_refresh_token_of_a_client_is_no_access_token_by_its_typ(
    book: RuleBook, client: Client
) -> None:
    """RFC 8725 §3.11."""
    pair = await book.issue(client=client)
    for _ in range(3):
        assert header_of(pair.refresh_token)["typ"] == "rt+jwt"
        assert header_of(pair.access_token)["typ"] in {"JWT", "at+jwt"}
        assert claims_of(pair.refresh_token)["aud"] == "refresh"
        successor = await book.rules.refresh(pair.refresh_token, client=client)
        assert await book.rules.refresh(pair.refresh_token, client=client) == successor
        pair = successor


async def test_a_refresh_token_without_a_client_has_the_documented_typ(book: RuleBook) -> None:
    pair = await book.issue()
    assert header_of(pair.refresh_token)["typ"] == "JWT"
    pair = await book.rules.refresh(pair.refresh_token)
    assert header_of(pair.refresh_token)["typ"] == "JWT"


async def test_a_session_from_before_goes_on_and_a_repeat_has_the_same_bytes(
    book: RuleBook,
) -> None:
    """Its successor may have been issued before the upgrade, and be asked for again after it."""
    pair = await book.issue(client=PORTAL)
    before = book.signed(claims_of(pair.refresh_token), TokenType.JWT)
    second = await book.rules.refresh(before, client=PORTAL)
    assert second.refresh_token == book.signed(claims_of(second.refresh_token), TokenType.JWT)
    assert await book.rules.refresh(before, client=PORTAL) == second
    third = await book.rules.refresh(second.refresh_token, client=PORTAL)
    assert header_of(third.refresh_token)["typ"] == "JWT"
    assert await book.rules.introspect(third.refresh_token, client=PORTAL) is not None
    await book.rules.revoke(third.refresh_token, client=PORTAL)
    assert await book.rules.introspect(third.refresh_token, client=PORTAL) is None
