"""What each refusal is called on the wire: the one table of the form dialect's two spellings."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

from authlib.oauth2.rfc6749.errors import (
    InvalidClientError,
    InvalidGrantError,
    InvalidRequestError,
    InvalidScopeError,
    UnauthorizedClientError,
    UnsupportedGrantTypeError,
    UnsupportedResponseTypeError,
)

from token_server.tokens.refusals import (
    BodyEncoded,
    BodyTooLarge,
    ClientRefused,
    GrantNotAllowed,
    GrantUnsupported,
    InternalFault,
    LoginRefused,
    MediaTypeUnsupported,
    MethodNotAllowed,
    PathUnknown,
    Refusal,
    RequestMalformed,
    RequestRefused,
    ResponseTypeUnsupported,
    ScopeRefused,
    TargetRefused,
    TemporarilyUnavailable,
    TokenExpired,
    TokenMissing,
    TokenRefused,
    TooManyAttempts,
)
from token_server.web.dialects.dialect import Occurrence

INVALID_REQUEST = InvalidRequestError.error
INVALID_GRANT = InvalidGrantError.error
UNSUPPORTED_GRANT_TYPE = UnsupportedGrantTypeError.error
UNSUPPORTED_RESPONSE_TYPE = UnsupportedResponseTypeError.error
UNAUTHORIZED_CLIENT = UnauthorizedClientError.error
INVALID_CLIENT = InvalidClientError.error
INVALID_SCOPE = InvalidScopeError.error
# RFC 8707 §2.
INVALID_TARGET = "invalid_target"
# RFC 6749 has these words for the authorization endpoint (§4.1.2.1) and none for ours.
TEMPORARILY_UNAVAILABLE, SERVER_ERROR = "temporarily_unavailable", "server_error"
# Nor any word for this; other servers write this one.
TOO_MANY_ATTEMPTS = "too_many_attempts"

BODY_ENCODED = "The body must not be compressed or otherwise encoded."

# The phrases of RFC 9110 §15, which `about:blank` asks for (RFC 9457 §4.2.1).
TITLES = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    413: "Content Too Large",
    415: "Unsupported Media Type",
    422: "Unprocessable Content",
    429: "Too Many Requests",
    500: "Internal Server Error",
    503: "Service Unavailable",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One refusal on the wire; `description` is constant, never made of what was sent."""

    status: int
    error_code: str
    error: str
    description: str


Rows = Mapping[type[Refusal], Row]
AnyRow = TypeVar("AnyRow")


def rows(*, dead_grant: int) -> Rows:
    """All rows; `dead_grant` is the status of a token or a log-in that is no good."""

    def dead(error_code: str, description: str) -> Row:
        return _row(dead_grant, error_code, INVALID_GRANT, description)

    return {
        **_COMMON_ROWS,
        TokenRefused: dead("InvalidToken", "The token is not valid."),
        TokenMissing: dead("InvalidToken", "No access token was sent."),
        TokenExpired: dead("ExpiredToken", "The token has expired."),
        LoginRefused: dead("AccessDenied", "The user name or the password is wrong."),
    }


def row_of(refusal: Refusal, table: Mapping[type[Refusal], AnyRow]) -> AnyRow:
    """The row of the refusal's type, or of the nearest type above it."""
    return next(table[kind] for kind in type(refusal).__mro__ if kind in table)


def description_of(refusal: Refusal, row: Row) -> str:
    """The row's words; a malformed request brings its own, which are constant too."""
    return refusal.fault if isinstance(refusal, RequestMalformed) else row.description


def headers_of(refusal: Refusal) -> dict[str, str]:
    """The headers that a refusal needs, whatever the spelling."""
    match refusal:
        case TooManyAttempts(retry_in=retry_in) | TemporarilyUnavailable(retry_in=retry_in):
            # RFC 9110 §10.2.3 knows whole seconds only; rounded up, so that waiting is enough.
            return {"Retry-After": str(max(1, -(-retry_in // timedelta(seconds=1))))}
        case BodyEncoded():
            # RFC 9110 §12.5.3: what would have been read.
            return {"Accept-Encoding": "identity"}
        case MethodNotAllowed(allowed=allowed):
            return {"Allow": allowed}
        case _:
            return {}


def trace_id_of(at: Occurrence) -> dict[str, str]:
    """The last member of a problem."""
    return {"traceId": at.trace_id} if at.trace_id else {}


def _row(status: int, error_code: str, error: str, description: str) -> Row:
    return Row(status=status, error_code=error_code, error=error, description=description)


def _unexpected(status: int, description: str, *, error: str = INVALID_REQUEST) -> Row:
    return _row(status, "UnexpectedContent", error, description)


_COMMON_ROWS: Rows = {
    RequestRefused: _unexpected(400, "The request is not understood."),
    GrantUnsupported: _unexpected(
        400, "This grant type is not supported.", error=UNSUPPORTED_GRANT_TYPE
    ),
    ResponseTypeUnsupported: _unexpected(
        400, "This server has no response types.", error=UNSUPPORTED_RESPONSE_TYPE
    ),
    GrantNotAllowed: _row(
        400, "AccessDenied", UNAUTHORIZED_CLIENT, "This client may not use this grant type."
    ),
    ScopeRefused: _unexpected(
        400, "The scope goes beyond what may be asked for.", error=INVALID_SCOPE
    ),
    TargetRefused: _unexpected(
        400, "A resource or audience may not be asked for.", error=INVALID_TARGET
    ),
    ClientRefused: _row(401, "AccessDenied", INVALID_CLIENT, "Client authentication failed."),
    BodyTooLarge: _unexpected(413, "The body is larger than 65536 bytes."),
    BodyEncoded: _unexpected(415, BODY_ENCODED),
    MediaTypeUnsupported: _unexpected(415, "The body must be application/x-www-form-urlencoded."),
    MethodNotAllowed: _row(
        405, "MethodNotAllowed", INVALID_REQUEST, "This path does not serve this method."
    ),
    PathUnknown: _row(404, "NotFound", INVALID_REQUEST, "There is nothing at this path."),
    TooManyAttempts: _row(
        429, "TooManyAttempts", TOO_MANY_ATTEMPTS, "Too many attempts; wait before the next one."
    ),
    TemporarilyUnavailable: _row(
        503,
        "ServiceUnavailable",
        TEMPORARILY_UNAVAILABLE,
        "The service cannot answer at the moment; try the same again shortly.",
    ),
    InternalFault: _row(
        500, "InternalServerError", SERVER_ERROR, "The server failed to answer this request."
    ),
}
