"""What introspection says, as a JWT for the caller alone (RFC 9701 §5)."""

import pytest
from support.rule_book import ISSUER, PORTAL, WATCHER, RuleBook, claims_of, header_of

from token_server.tokens.model import TokenType
from token_server.tokens.moments import to_seconds
from token_server.tokens.refusals import TokenRefused

pytestmark = pytest.mark.anyio


async def test_a_signed_introspection_is_for_its_caller_and_no_access_token(
    book: RuleBook,
) -> None:
    pair = await book.issue(client=PORTAL)
    told = await book.rules.introspect(pair.access_token, client=WATCHER)
    assert told is not None
    signed = await book.rules.sign_introspection(told, client=WATCHER)
    assert header_of(signed)["typ"] == TokenType.INTROSPECTION
    assert claims_of(signed) == {
        "iss": ISSUER,
        "aud": "watcher",
        "iat": to_seconds(book.clock()),
        "token_introspection": dict(told),
    }
    with pytest.raises(TokenRefused):
        await book.rules.log_out(signed)
