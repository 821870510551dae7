"""Bearer tokens in requests, and the challenges that refusals of them carry (RFC 6750)."""

import re

from starlette.datastructures import Headers
from starlette.responses import Response

from token_server.tokens.refusals import (
    Refusal,
    RequestMalformed,
    TokenMalformed,
    TokenMissing,
    TokenRefused,
)
from token_server.web.dialects import camel

# RFC 6750 §2.1, b64token.
_BEARER = re.compile(r"bearer +([A-Za-z0-9._~+/-]+=*)", re.ASCII | re.IGNORECASE)


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


def challenged(answer: Response, refusal: Refusal) -> Response:
    """Name the error in the challenge (RFC 6750 §3.1); where no token came, there is none."""
    match refusal:
        case TokenMissing():
            pass
        case TokenRefused():
            answer.headers["WWW-Authenticate"] = f'{camel.CHALLENGE}, error="invalid_token"'
        case RequestMalformed():
            answer.headers["WWW-Authenticate"] = f'{camel.CHALLENGE}, error="invalid_request"'
    return answer
