"""What both spellings of the form dialect share: the members they read, the moments they write.

Names and grant values are compared without case and underscores, so that either spelling reads
every member that clients send; what nobody knows is ignored.
"""

from collections.abc import Mapping
from datetime import datetime

from token_server.tokens.model import Session
from token_server.tokens.moments import to_seconds, to_text
from token_server.tokens.refusals import GrantUnsupported, RequestMalformed
from token_server.web.dialects.dialect import LogInRequest, RefreshRequest, TokenRequest
from token_server.web.wire import Fields, comparable, is_true, members


def parse(fields: Fields) -> TokenRequest:
    """Read a token request. Raises: RequestMalformed, GrantUnsupported."""
    form = members(fields)
    match comparable(form.get("granttype", "")):
        case "refreshtoken":
            return refresh_request(form)
        case "password":
            return log_in_request(form)
        # Clients in the wild log in without naming a grant.
        case "" if "username" in form and "password" in form:
            return log_in_request(form)
        case "":
            raise RequestMalformed("The grant type is missing.")
        case _:
            raise GrantUnsupported


def names_grant(name: str) -> bool:
    """Whether this is the member that names the grant."""
    return comparable(name) == "granttype"


def access_token_expires_in(session: Session) -> int:
    return expires_in(session.access_token_expires_at, session.issued_at)


def expires_in(expires_at: datetime, issued_at: datetime) -> int:
    """Whole seconds from issue to `exp`, not from now: a repeat must answer the same bytes."""
    return to_seconds(expires_at) - to_seconds(issued_at)


def timestamp(moment: datetime) -> str:
    """UTC with the documented seven fraction digits; the last is 0, our moments have six."""
    return f"{to_text(moment)}0Z"


def timestamp_in_seconds(moment: datetime) -> str:
    """UTC in RFC 3339 with whole seconds: clients of `.issued` fail on an HTTP date."""
    return f"{to_text(moment).partition('.')[0]}Z"


def refresh_request(form: Mapping[str, str]) -> RefreshRequest:
    if "refreshtoken" not in form:
        raise RequestMalformed("The refresh token is missing.")
    return RefreshRequest(refresh_token=form["refreshtoken"])


def log_in_request(form: Mapping[str, str]) -> LogInRequest:
    if "username" not in form or "password" not in form:
        raise RequestMalformed("The user name or the password is missing.")
    return LogInRequest(
        name=form["username"], password=form["password"], short_term=_asks_short_term(form)
    )


def _asks_short_term(form: Mapping[str, str]) -> bool:
    long_lived, short_term, short_lived = (
        is_true(form.get(name))
        for name in ("longlivedrefreshtoken", "useshorttermrefresh", "shortlivedrefreshtoken")
    )
    if long_lived and (short_term or short_lived):
        raise RequestMalformed("A refresh token is either long-lived or short-term.")
    return short_term or short_lived
