"""The RFC 6749 spelling of the form dialect.

POST /api/oauth2/token      grant_type=refresh_token&refresh_token=…
"""

from starlette.responses import Response

from token_server.tokens.model import TokenPair
from token_server.tokens.refusals import Refusal
from token_server.web.dialects import form
from token_server.web.dialects.dialect import Dialect
from token_server.web.dialects.refusal_table import (
    TITLES,
    description_of,
    headers_of,
    row_of,
    rows,
)
from token_server.web.wire import json_answer

# RFC 6749 §5.2: a grant that is no good is a bad request, and libraries look for that.
REFUSALS = rows(dead_grant=400)


def render(pair: TokenPair) -> Response:
    """RFC 6749 §5.1's members first, then what clients of this spelling also read."""
    session = pair.session
    return json_answer(
        200,
        {
            "access_token": pair.access_token,
            "token_type": "bearer",
            "expires_in": form.access_token_expires_in(session),
            "refresh_token": pair.refresh_token,
            "refresh_token_expires_in": form.refresh_token_expires_in(session),
            "accessTokenExpiresAt": form.timestamp(session.access_token_expires_at),
            "refreshTokenExpiresAt": form.timestamp(session.refresh_token_expires_at),
            ".issued": form.http_date(session.issued_at),
            ".expires": form.http_date(session.access_token_expires_at),
        },
    )


def refuse(refusal: Refusal, *, instance: str) -> Response:  # noqa: ARG001 - no member for it
    """RFC 6749 §5.2's members first; some clients of this spelling fail without the others."""
    row = row_of(refusal, REFUSALS)
    description = description_of(refusal, row)
    return json_answer(
        row.status,
        {
            "error": row.error,
            "error_description": description,
            "errorCode": row.error_code,
            "message": description,
            "title": TITLES[row.status],
            "detail": description,
            "status": row.status,
        },
        headers=headers_of(refusal),
    )


DIALECT = Dialect(name="form", spelling="rfc6749", parse=form.parse, render=render, refuse=refuse)
