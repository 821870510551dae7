"""Introspection (RFC 7662): what a token is worth, for callers that have proved who they are."""

from starlette.requests import Request
from starlette.responses import Response

from token_server.tokens.clients import AuthMethod, Client
from token_server.tokens.refusals import ClientRefused
from token_server.tokens.services import Tokens
from token_server.web.dialects.standard_form import StandardForm
from token_server.web.standard import shown_token
from token_server.web.wire import json_answer


class Introspect:
    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens

    async def __call__(
        self, _request: Request, form: StandardForm, client: Client | None
    ) -> Response:
        if client is None or client.auth_method is AuthMethod.NONE:
            # RFC 7662 §2.1: or anybody could try tokens until one is good.
            raise ClientRefused("introspection_without_authentication")
        members = await self._tokens.introspect(shown_token(form), client=client)
        if members is None:
            # RFC 7662 §2.2: nothing else, lest it be told why.
            return json_answer(200, {"active": False})
        return json_answer(200, {"active": True, **members})
