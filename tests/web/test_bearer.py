"""Bearer tokens: what is read as one, and what a refusal's challenge says of it (RFC 6750)."""

import pytest
from starlette.datastructures import Headers
from support.web_room import WebRoom

from token_server.tokens.refusals import RequestMalformed, TokenMalformed, TokenMissing
from token_server.web.bearer import bearer_token

PATH = "/api/oauth2/logout"


@pytest.mark.parametrize(
    "credentials",
    [
        "Bearer abc.DEF-_~+/9==",
        "bearer abc.DEF-_~+/9==",
        "BEARER   abc.DEF-_~+/9==",
        "Bearer abc.DEF-_~+/9== ",
    ],
)
def test_a_bearer_token_is_read_in_any_case(credentials: str) -> None:
    assert bearer_token(Headers({"authorization": credentials})) == "abc.DEF-_~+/9=="


@pytest.mark.parametrize("credentials", ["", "Basic YTpi", "abc", "Bearerabc", "Token abc"])
def test_other_credentials_are_no_token(credentials: str) -> None:
    with pytest.raises(TokenMissing):
        bearer_token(Headers({"authorization": credentials}))


@pytest.mark.parametrize(
    "credentials",
    [
        "Bearer",
        "Bearer a b",
        "Bearer a,b",
        'Bearer "abc"',
        "Bearer =abc",
        "Bearer abc\xe4",
        "Bearer a=b",
        "Bearer abc, Bearer abc",
        "Bearer abc\n",
    ],
)
def test_what_cannot_be_a_token_is_malformed(credentials: str) -> None:
    with pytest.raises(TokenMalformed):
        bearer_token(Headers(raw=[(b"authorization", credentials.encode("latin-1"))]))


def test_two_authorization_headers_are_refused() -> None:
    """Whichever was meant: RFC 6750 §3.1 calls it an invalid request."""
    with pytest.raises(RequestMalformed):
        bearer_token(Headers(raw=[(b"authorization", b"Bearer abc")] * 2))


@pytest.mark.anyio
async def test_a_challenge_names_an_error_only_where_a_token_came() -> None:
    """RFC 6750 §3.1: without credentials, no error code."""
    room = WebRoom()
    without = await room.client.post(PATH)
    assert without.headers["www-authenticate"] == 'Bearer realm="token-server"'
    dead = await room.client.post(PATH, headers={"Authorization": "Bearer forged"})
    assert dead.headers["www-authenticate"].endswith('error="invalid_token"')
    twice = await room.client.post(PATH, headers=[("Authorization", "Bearer forged")] * 2)
    assert twice.status_code == 400
    assert twice.headers["www-authenticate"].endswith('error="invalid_request"')
