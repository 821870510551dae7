"""The camel spelling of the form dialect: the documented one, and the shape of early refusals.

Request: `POST /api/oauth2/token`, `grantType=RefreshToken&refreshToken=…`
"""

from starlette.responses import Response

from token_server.tokens.model import TokenPair
from token_server.tokens.refusals import Refusal
from token_server.web.dialects import form
from token_server.web.dialects.dialect import Dialect, Occurrence
from token_server.web.dialects.refusal_table import (
    TITLES,
    description_of,
    headers_of,
    row_of,
    rows,
    trace_id_of,
)
from token_server.web.wire import json_answer

PROBLEM = "application/problem+json"
# RFC 6750 §3 wants a parameter behind the scheme.
CHALLENGE = 'Bearer realm="token-server"'
# Clients of this spelling drop a stored token on 401 only.
REFUSALS = rows(dead_grant=401)


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


def refuse(refusal: Refusal, *, at: Occurrence) -> Response:
    """A problem of RFC 9457, then what readers of the three other kinds look for."""
    row = row_of(refusal, REFUSALS)
    description = description_of(refusal, row)
    headers = headers_of(refusal)
    if row.status == 401:  # noqa: PLR2004 - RFC 9110 §15.5.2: a 401 MUST carry a challenge
        headers["WWW-Authenticate"] = CHALLENGE
    return json_answer(
        row.status,
        {
            "type": "about:blank",
            "title": TITLES[row.status],
            "status": row.status,
            "detail": description,
            "instance": at.path,
            "errorCode": row.error_code,
            "message": description,
            "error": row.error,
            "error_description": description,
            **trace_id_of(at),
        },
        media_type=PROBLEM,
        headers=headers,
    )


DIALECT = Dialect(name="form", spelling="camel", parse=form.parse, render=render, refuse=refuse)
