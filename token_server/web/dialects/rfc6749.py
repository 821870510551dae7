"""The RFC 6749 spelling of the form dialect: what it answers, and how it says no.

POST /api/oauth2/token      grant_type=refresh_token&refresh_token=…
"""

from collections.abc import Mapping
from datetime import datetime
from functools import partial

from starlette.responses import Response

from token_server.tokens.model import IssuedAccessToken, TokenPair
from token_server.tokens.refusals import ClientRefused, Refusal, TokenRefused
from token_server.web.dialects import form
from token_server.web.dialects.dialect import Occurrence, Spelling
from token_server.web.dialects.refusal_table import (
    INVALID_REQUEST,
    TITLES,
    Row,
    Rows,
    description_of,
    headers_of,
    row_of,
    rows,
)
from token_server.web.wire import json_answer

# RFC 6749 §5.2: a grant that is no good is a bad request, and libraries look for that.
REFUSALS = rows(dead_grant=400)
EXCHANGE_REFUSALS: Rows = {
    **{
        kind: row
        for kind, row in REFUSALS.items()
        if kind is TokenRefused or not issubclass(kind, TokenRefused)
    },
    # RFC 8693 §2.2.2: no grant is shown here, and what is wrong with a token is a bad request.
    TokenRefused: Row(
        status=400,
        error_code="InvalidToken",
        error=INVALID_REQUEST,
        description="The subject token or the actor token is not valid.",
    ),
}
# RFC 6749 §5.2, RFC 7617 §2.
CHALLENGE = 'Basic realm="token-server"'


def render(pair: TokenPair) -> Response:
    """RFC 6749 §5.1's members first, then what clients of this spelling also read."""
    session = pair.session
    issued_at, expires_at = session.issued_at, session.access_token_expires_at
    return json_answer(
        200,
        {
            "access_token": pair.access_token,
            "token_type": "bearer",
            "expires_in": form.expires_in(expires_at, issued_at),
            "refresh_token": pair.refresh_token,
            **_scope(pair.scope),
            "refresh_token_expires_in": form.expires_in(
                session.refresh_token_expires_at, issued_at
            ),
            "accessTokenExpiresAt": form.timestamp(expires_at),
            "refreshTokenExpiresAt": form.timestamp(session.refresh_token_expires_at),
            **_dates(issued_at, expires_at),
        },
    )


def render_alone(issued: IssuedAccessToken, *, token_type: str | None = None) -> Response:
    """An access token without a refresh token; `token_type` is RFC 8693's, §2.2.1."""
    return json_answer(
        200,
        {
            "access_token": issued.access_token,
            **({"issued_token_type": token_type} if token_type else {}),
            "token_type": "bearer",
            "expires_in": form.expires_in(issued.expires_at, issued.issued_at),
            **_scope(issued.scope),
            "accessTokenExpiresAt": form.timestamp(issued.expires_at),
            **_dates(issued.issued_at, issued.expires_at),
        },
    )


def refuse(refusal: Refusal, *, at: Occurrence, table: Rows = REFUSALS) -> Response:  # noqa: ARG001 - no member for it
    """RFC 6749 §5.2's members first; some clients of this spelling fail without the others."""
    row = row_of(refusal, table)
    description = description_of(refusal, row)
    headers = headers_of(refusal)
    if isinstance(refusal, ClientRefused):
        headers["WWW-Authenticate"] = CHALLENGE
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
        headers=headers,
    )


def _scope(scope: str | None) -> Mapping[str, str]:
    # RFC 6749 §5.1: required where it is not what was asked for, allowed everywhere.
    return {} if scope is None else {"scope": scope}


def _dates(issued_at: datetime, expires_at: datetime) -> Mapping[str, str]:
    return {
        ".issued": form.timestamp_in_seconds(issued_at),
        ".expires": form.timestamp_in_seconds(expires_at),
    }


SPELLING = Spelling(name="form", spelling="rfc6749", refuse=refuse)
EXCHANGE = Spelling(
    name="form", spelling="rfc6749", refuse=partial(refuse, table=EXCHANGE_REFUSALS)
)
"""The same, where a token is exchanged."""
