"""The JSON dialect.

POST /auth-service/v1/refresh      {"refresh_token":"…"}
POST /auth-service/v1/login        {"email":"…","password":"…"}, or `login` instead of `email`
"""

from collections.abc import Mapping

from starlette.responses import Response

from token_server.tokens.model import TokenPair
from token_server.tokens.profiles import Profile
from token_server.tokens.refusals import (
    BodyEncoded,
    BodyTooLarge,
    ClientRefused,
    GrantNotAllowed,
    InternalFault,
    LoginRefused,
    MediaTypeUnsupported,
    MembersRefused,
    MethodNotAllowed,
    PathUnknown,
    Refusal,
    RequestMalformed,
    RequestRefused,
    TemporarilyUnavailable,
    TokenRefused,
    TooManyAttempts,
)
from token_server.web.dialects.camel import CHALLENGE
from token_server.web.dialects.dialect import (
    LogInRequest,
    Occurrence,
    Paths,
    ProfileDialect,
    RefreshRequest,
)
from token_server.web.dialects.form import access_token_expires_in
from token_server.web.dialects.profile_document import known_of
from token_server.web.dialects.refusal_table import BODY_ENCODED, headers_of, row_of
from token_server.web.dialects.texts import required_texts
from token_server.web.wire import Sent, json_answer, read_members

USER = dict.fromkeys(
    [
        *("id", "uuid", "country_id", "rank_id", "partner_id", "referral_code", "name"),
        *("first_name", "last_name", "birth_date", "gender_type", "email", "phone", "language"),
        *("kyc_level_type", "blocked", "block_reason", "loyalty_score", "password_updated_at"),
        *("kyc_verified_at", "email_verified_at", "blocked_at", "blocked_until"),
        *("created_at", "updated_at", "rank"),
    ]
)
"""The documented members in the documented order."""
RANK: Mapping[str, object] = {
    **dict.fromkeys(["id", "title", "currency", "level", "type", "acceptance_strategy"]),
    **dict.fromkeys(["switch_amount", "withdraw_max_daily", "deposit_max_daily"]),
    # Readers go through them without asking whether they are there.
    "images": [],
    "options": [],
    **dict.fromkeys(["created_at", "updated_at"]),
}

REFUSALS: Mapping[type[Refusal], tuple[int, str]] = {
    RequestRefused: (400, "The request is not understood."),
    # Their messages are the refusal's own constant words.
    RequestMalformed: (400, ""),
    MembersRefused: (422, ""),
    BodyTooLarge: (413, "The body is larger than 65536 bytes."),
    BodyEncoded: (415, BODY_ENCODED),
    MediaTypeUnsupported: (415, "The body must be application/json."),
    MethodNotAllowed: (405, "This path does not serve this method."),
    GrantNotAllowed: (403, "This is not allowed without a registered client."),
    PathUnknown: (404, "There is nothing at this path."),
    TokenRefused: (401, "Unauthenticated."),
    ClientRefused: (401, "Unauthenticated."),
    LoginRefused: (401, "The login or the password is wrong."),
    TooManyAttempts: (429, "Too many attempts."),
    TemporarilyUnavailable: (503, "Service unavailable."),
    InternalFault: (500, "Server error."),
}


def parse_refresh(sent: Sent) -> RefreshRequest:
    """Raises: RequestMalformed, MediaTypeUnsupported."""
    (refresh_token,) = required_texts(read_members(sent), "refresh_token")
    return RefreshRequest(refresh_token=refresh_token)


def parse_log_in(sent: Sent) -> LogInRequest:
    """Raises: RequestMalformed, MediaTypeUnsupported."""
    members = read_members(sent)
    if "login" in members and "email" in members:
        raise MembersRefused({"login": "The login and the email must not both be given."})
    login, password = required_texts(
        members, "login" if "login" in members else "email", "password"
    )
    return LogInRequest(name=login, password=password, short_term=False)


def render(pair: TokenPair, profile: Profile) -> Response:
    """The documented members, then whatever else the profile holds."""
    return json_answer(
        200,
        {
            "auth": {
                "access_token": pair.access_token,
                "refresh_token": pair.refresh_token,
                "token_type": "bearer",
                "expires_in": access_token_expires_in(pair.session),
            },
            "user": user_of(profile),
        },
    )


def user_of(profile: Profile) -> dict[str, object]:
    """The profile with every documented member, null where nothing is known."""
    rank = profile.document.get("rank", {})
    if isinstance(rank, dict):
        rank = {**RANK, **rank}
    return {**USER, **known_of(profile), "rank": rank}


def refuse(refusal: Refusal, *, at: Occurrence) -> Response:  # noqa: ARG001 - no member for it
    """One message; where members are at fault, `errors` names each."""
    status, message = row_of(refusal, REFUSALS)
    body: dict[str, object] = {"message": message}
    if isinstance(refusal, RequestMalformed):
        body["message"] = refusal.fault
    if isinstance(refusal, MembersRefused):
        body["errors"] = {name: [fault] for name, fault in refusal.faults.items()}
    headers = headers_of(refusal)
    if status == 401:  # noqa: PLR2004 - RFC 9110 §15.5.2: a 401 MUST carry a challenge
        headers["WWW-Authenticate"] = CHALLENGE
    return json_answer(status, body, headers=headers)


def _claims(_profile: Profile) -> dict[str, object]:
    return {}


REFRESH = ProfileDialect(
    name="json", parse=parse_refresh, claims=_claims, render=render, refuse=refuse
)
LOG_IN = ProfileDialect(
    name="json", parse=parse_log_in, claims=_claims, render=render, refuse=refuse
)
PATHS: Paths = {
    "/auth-service/v1/refresh": {"POST": REFRESH},
    "/auth-service/v1/login": {"POST": LOG_IN},
}
