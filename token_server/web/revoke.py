"""Revocation (RFC 7009): a token that need not be there is told from none that was."""

from starlette.requests import Request
from starlette.responses import Response

from token_server.tokens.clients import Client
from token_server.tokens.services import Tokens
from token_server.web.dialects.standard_form import StandardForm
from token_server.web.standard import shown_token
from token_server.web.wire import json_answer


class Revoke:
    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens

    async def __call__(
        self, _request: Request, form: StandardForm, client: Client | None
    ) -> Response:
        await self._tokens.revoke(shown_token(form), client=client)
        # RFC 7009 §2.2: 200 for an unknown token too, and a client ignores the body. simple-oauth2
        # reads it all the same, and fails where it is no JSON.
        return json_answer(200, {})
