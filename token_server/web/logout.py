"""Log out: ends the session of the access token that comes as a bearer (RFC 6750 §2.1)."""

import re

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from structlog.contextvars import bound_contextvars

from token_server.tokens.ports import Audit
from token_server.tokens.refusals import (
    Refusal,
    RequestMalformed,
    TokenMalformed,
    TokenMissing,
    TokenRefused,
)
from token_server.tokens.services import Tokens
from token_server.web.dialects import camel
from token_server.web.refused import refused
from token_server.web.wire import json_answer, no_content, peer_of, read_body

# RFC 6750 §2.1, b64token.
_BEARER = re.compile(r"bearer +([A-Za-z0-9._~+/-]+=*)", re.ASCII | re.IGNORECASE)


class LogOut:
    def __init__(self, *, tokens: Tokens, audit: Audit) -> None:
        self._tokens = tokens
        self._audit = audit

    async def __call__(self, request: Request) -> Response:
        dialect, peer = camel.DIALECT, peer_of(request)
        try:
            # Whatever the body says; but a request cut off in the middle ends no session.
            await read_body(request)
            with bound_contextvars(**dialect.told, peer=peer):
                await self._tokens.log_out(bearer_token(request.headers))
        except Refusal as refusal:
            answer = refused(refusal, dialect=dialect, audit=self._audit, peer=peer)
            return _challenged(answer, refusal)
        # Clients of the versioned interface insist on a body.
        if request.method == "POST" and "x-api-version" in request.headers:
            return json_answer(200, {})
        return no_content()


def bearer_token(headers: Headers) -> str:
    """The one bearer token. Raises: TokenMissing, TokenMalformed, RequestMalformed."""
    match headers.getlist("authorization"):
        case []:
            raise TokenMissing
        case [credentials]:
            credentials = credentials.strip(" \t")
            if credentials.partition(" ")[0].lower() != "bearer":
                raise TokenMissing
            if not (bearer := _BEARER.fullmatch(credentials)):
                raise TokenMalformed
            return bearer[1]
        case _:
            # RFC 6750 §3.1: more than one way of sending the token is a bad request.
            raise RequestMalformed("The Authorization header is given twice.")


def _challenged(answer: Response, refusal: Refusal) -> Response:
    # RFC 6750 §3.1: a token that came is named invalid, one that did not come is not.
    if isinstance(refusal, TokenRefused) and not isinstance(refusal, TokenMissing):
        answer.headers["WWW-Authenticate"] = f'{camel.CHALLENGE}, error="invalid_token"'
    return answer
