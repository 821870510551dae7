"""The request-header dialect.

GET /v1/auth/refresh-token      with the header `x-refresh-token: …`
POST /v1/auth/login             {"email":"…","password":"…"}
"""

from collections.abc import Mapping
from typing import NamedTuple

from starlette.responses import Response

from token_server.tokens.model import TokenPair
from token_server.tokens.ports import Clock
from token_server.tokens.profiles import Profile
from token_server.tokens.refusals import (
    BodyEncoded,
    BodyTooLarge,
    ClientRefused,
    GrantNotAllowed,
    InternalFault,
    LoginRefused,
    MediaTypeUnsupported,
    MethodNotAllowed,
    PathUnknown,
    Refusal,
    RequestMalformed,
    RequestRefused,
    TemporarilyUnavailable,
    TokenMissing,
    TokenRefused,
    TooManyAttempts,
)
from token_server.web.dialects.camel import CHALLENGE, PROBLEM
from token_server.web.dialects.dialect import (
    LogInRequest,
    Occurrence,
    Paths,
    ProfileDialect,
    RefreshRequest,
    Refuse,
)
from token_server.web.dialects.profile_document import identity_of, known_of, timestamp
from token_server.web.dialects.refusal_table import (
    BODY_ENCODED,
    TITLES,
    headers_of,
    row_of,
    trace_id_of,
)
from token_server.web.dialects.texts import required_texts
from token_server.web.wire import (
    FORM,
    Sent,
    check_encoding,
    comparable,
    json_answer,
    members,
    parse_fields,
    read_members,
)

HEADER = "x-refresh-token"
# Some clients send the token here as well; the header decides.
_ALSO_SENT = {"refreshtoken"}
_UNAUTHORIZED, _VALIDATION_ERROR = "unauthorized", "validation_error"


class Row(NamedTuple):
    """One refusal on the wire."""

    status: int
    code: str
    detail: str
    title: str = ""
    """The status's own phrase, where this is empty."""


REFUSALS: Mapping[type[Refusal], Row] = {
    RequestRefused: Row(400, _VALIDATION_ERROR, "The request is not understood."),
    BodyTooLarge: Row(413, _VALIDATION_ERROR, "The body is larger than 65536 bytes."),
    BodyEncoded: Row(415, _VALIDATION_ERROR, BODY_ENCODED),
    MediaTypeUnsupported: Row(415, _VALIDATION_ERROR, "The body must be application/json."),
    MethodNotAllowed: Row(405, "method_not_allowed", "This path does not serve this method."),
    PathUnknown: Row(404, "not_found", "There is nothing at this path."),
    GrantNotAllowed: Row(403, "forbidden", "This is not allowed without a registered client"),
    TokenMissing: Row(
        401, _UNAUTHORIZED, "The x-refresh-token header is missing", "No token provided"
    ),
    TokenRefused: Row(401, _UNAUTHORIZED, "The token you provided is invalid", "Invalid token"),
    ClientRefused: Row(401, _UNAUTHORIZED, "The client you provided is invalid", "Invalid client"),
    LoginRefused: Row(
        401, _UNAUTHORIZED, "The email or the password is wrong", "Invalid credentials"
    ),
    TooManyAttempts: Row(429, "too_many_requests", "Too many attempts"),
    TemporarilyUnavailable: Row(503, "service_unavailable", "Service unavailable"),
    InternalFault: Row(500, "internal_server_error", "Internal server error"),
}


def parse_refresh(sent: Sent) -> RefreshRequest:
    """Raises: RequestMalformed, TokenMissing."""
    if sent.query:
        raise RequestMalformed("This path takes no query.")
    if any(comparable(name) not in _ALSO_SENT for name in _names_in_body(sent)):
        raise RequestMalformed("The body holds an unknown member.")
    match sent.headers.getlist(HEADER):
        case [] | [""]:
            raise TokenMissing
        case [refresh_token]:
            return RefreshRequest(refresh_token=refresh_token)
        case _:
            raise RequestMalformed("The refresh token is given twice.")


def parse_log_in(sent: Sent) -> LogInRequest:
    """Raises: RequestMalformed, MediaTypeUnsupported."""
    email, password = required_texts(read_members(sent), "email", "password")
    return LogInRequest(name=email, password=password, short_term=False)


def render_refresh(pair: TokenPair, _profile: Profile) -> Response:
    return _success("Token refreshed successfully", {"tokens": _tokens(pair)})


def render_log_in(pair: TokenPair, profile: Profile) -> Response:
    return _success("Login successful", {"user": known_of(profile), "tokens": _tokens(pair)})


def claims(profile: Profile) -> dict[str, object]:
    """Of the documented access token; what nobody knows is left out."""
    return {name: value for name, value in identity_of(profile).items() if value is not None}


def refusing(clock: Clock) -> Refuse:
    """Problems of RFC 9457 with a code, and the moment they were written at."""

    def refuse(refusal: Refusal, *, at: Occurrence) -> Response:
        status, code, detail, title = row_of(refusal, REFUSALS)
        headers = headers_of(refusal)
        if status == 401:  # noqa: PLR2004 - RFC 9110 §15.5.2: a 401 MUST carry a challenge
            headers["WWW-Authenticate"] = CHALLENGE
        return json_answer(
            status,
            {
                "type": "about:blank",
                "title": title or TITLES[status],
                "status": status,
                "code": code,
                "detail": refusal.fault if isinstance(refusal, RequestMalformed) else detail,
                "instance": at.path,
                "timestamp": timestamp(clock()),
                **trace_id_of(at),
            },
            media_type=PROBLEM,
            headers=headers,
        )

    return refuse


def paths(clock: Clock) -> Paths:
    refuse = refusing(clock)
    refresh = ProfileDialect(
        name="header",
        parse=parse_refresh,
        claims=claims,
        render=render_refresh,
        refuse=refuse,
    )
    log_in = ProfileDialect(
        name="header",
        parse=parse_log_in,
        claims=claims,
        render=render_log_in,
        refuse=refuse,
    )
    return {"/v1/auth/refresh-token": {"GET": refresh}, "/v1/auth/login": {"POST": log_in}}


def _names_in_body(sent: Sent) -> Mapping[str, object]:
    # Clients that send no body may name a media type nevertheless.
    if not sent.body:
        return {}
    check_encoding(sent)
    if sent.headers.get("content-type", "").lower().startswith(FORM):
        return members(parse_fields(sent.body))
    return read_members(sent)


def _tokens(pair: TokenPair) -> dict[str, object]:
    return {"accessToken": pair.access_token, "refreshToken": pair.refresh_token}


def _success(message: str, data: Mapping[str, object]) -> Response:
    return json_answer(200, {"status": 200, "message": message, "data": data})
