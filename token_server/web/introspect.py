"""Introspection (RFC 7662): what a token is worth, for callers that have proved who they are."""

import re
from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import Response

from token_server.tokens.clients import Client
from token_server.tokens.refusals import ClientRefused
from token_server.tokens.services import Tokens
from token_server.web.dialects.standard_form import StandardForm
from token_server.web.standard import shown_token
from token_server.web.wire import JSON, NO_STORE, json_answer

SIGNED = "application/token-introspection+jwt"
_VARY = {"Vary": "Accept"}
_QVALUE = re.compile(r"0(\.[0-9]{0,3})?|1(\.0{0,3})?", re.ASCII)


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
    """RFC 9701 §4, RFC 9110 §12.5.1: of the same weight, the type that is named wins."""
    weights = _weights(request.headers.getlist("accept"))
    signed, plain = (_weight_of(media_type, weights) for media_type in (SIGNED, JSON))
    return signed > plain or (SIGNED in weights and signed == plain > 0)


def _weights(accept: list[str]) -> dict[str, float]:
    """Each media range and its weight; one that is malformed counts as not there."""
    weights: dict[str, float] = {}
    for media_range in ",".join(accept).lower().split(","):
        name, *parameters = [part.strip(" \t") for part in media_range.split(";")]
        given = [part[2:] for part in parameters if part.startswith("q=")] or ["1"]
        if _QVALUE.fullmatch(given[0]):
            weights[name] = float(given[0])
    return weights


def _weight_of(media_type: str, weights: Mapping[str, float]) -> float:
    """By the most specific range."""
    ranges = (media_type, f"{media_type.partition('/')[0]}/*", "*/*")
    return next((weights[name] for name in ranges if name in weights), 0.0)
