"""Introspection (RFC 7662): what a token is worth, for callers that have proved who they are."""

import re

from starlette.requests import Request
from starlette.responses import Response

from token_server.tokens.clients import Client
from token_server.tokens.refusals import ClientRefused
from token_server.tokens.services import Tokens
from token_server.web.dialects.standard_form import StandardForm
from token_server.web.standard import shown_token
from token_server.web.wire import NO_STORE, json_answer

SIGNED = "application/token-introspection+jwt"
_VARY = {"Vary": "Accept"}
_NOT_WANTED = re.compile(r";[ \t]*q=0(\.0*)?[ \t]*(;|$)")


class Introspect:
    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens

    async def __call__(
        self, request: Request, form: StandardForm, client: Client | None
    ) -> Response:
        if client is None or client.is_public:
            # RFC 7662 §2.1: or anybody could try tokens until one is good.
            raise ClientRefused("introspection_without_authentication")
        members = await self._tokens.introspect(shown_token(form), client=client)
        # RFC 7662 §2.2: of an inactive token nothing else is said, not even why.
        told = {"active": False} if members is None else {"active": True, **members}
        if not _asks_for_jwt(request):
            return json_answer(200, told, headers=_VARY)
        signed = await self._tokens.sign_introspection(told, client=client)
        return Response(signed, headers=NO_STORE | _VARY, media_type=SIGNED)


def _asks_for_jwt(request: Request) -> bool:
    """RFC 9701 §4. Preferences are not weighed: nobody names this type who would rather not."""
    named = ",".join(request.headers.getlist("accept")).lower().split(",")
    return any(
        media_range.partition(";")[0].strip() == SIGNED and not _NOT_WANTED.search(media_range)
        for media_range in named
    )
