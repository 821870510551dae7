"""The camel spelling of the form dialect: the documented one, and the shape of early refusals.

Request: `POST /api/oauth2/token`, `grantType=RefreshToken&refreshToken=…`
"""

from collections.abc import Sequence
from functools import lru_cache

from starlette.responses import Response

from token_server import strict_json
from token_server.tokens.model import TokenPair
from token_server.tokens.refusals import Refusal
from token_server.web.dialects import form
from token_server.web.dialects.dialect import Dialect
from token_server.web.dialects.refusal_table import (
    TITLES,
    Row,
    description_of,
    headers_of,
    row_of,
    rows,
)
from token_server.web.wire import json_answer, written_answer

PROBLEM = "application/problem+json"
# RFC 6750 §3 wants a parameter behind the scheme.
CHALLENGE = 'Bearer realm="token-server"'
# Clients of this spelling drop a stored token on 401 only.
REFUSALS = rows(dead_grant=401)
_INSTANCE = "{instance}"


def render(pair: TokenPair) -> Response:
    """The documented four members first; the vendor's own clients read only the next two."""
    session = pair.session
    return json_answer(
        200,
        {
            "access_token": pair.access_token,
            "refresh_token": pair.refresh_token,
            "accessTokenExpiresAt": form.timestamp(session.access_token_expires_at),
            "refreshTokenExpiresAt": form.timestamp(session.refresh_token_expires_at),
            "accessToken": pair.access_token,
            "refreshToken": pair.refresh_token,
            "token_type": "bearer",
            "expires_in": form.access_token_expires_in(session),
        },
    )


def refuse(refusal: Refusal, *, instance: str) -> Response:
    """A problem of RFC 9457, then what readers of the three other kinds look for."""
    row = row_of(refusal, REFUSALS)
    headers = headers_of(refusal)
    if row.status == 401:  # noqa: PLR2004 - RFC 9110 §15.5.2: a 401 MUST carry a challenge
        headers["WWW-Authenticate"] = CHALLENGE
    before, after = _around_instance(row, description_of(refusal, row))
    body = b"%b%b%b" % (before, instance.encode("ascii"), after)
    return written_answer(row.status, body, media_type=PROBLEM, headers=headers)


@lru_cache(maxsize=256)
def _around_instance(row: Row, description: str) -> Sequence[bytes]:
    """The problem's bytes before and after the one member that is not constant."""
    problem = strict_json.write_ascii(
        {
            "type": "about:blank",
            "title": TITLES[row.status],
            "status": row.status,
            "detail": description,
            "instance": _INSTANCE,
            "errorCode": row.error_code,
            "message": description,
            "error": row.error,
            "error_description": description,
        }
    )
    return problem.split(_INSTANCE.encode())


DIALECT = Dialect(name="form", spelling="camel", parse=form.parse, render=render, refuse=refuse)
