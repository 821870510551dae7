"""What each refusal is on the wire: every type has a row in each dialect."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import get_args

import pytest
from authlib.oauth2.rfc6749 import errors
from support.moments import MovableClock

from token_server.settings.model import Dialect
from token_server.tokens import refusals
from token_server.tokens.model import EndReason
from token_server.tokens.refusals import Refusal
from token_server.web.dialects import camel, json_body, request_header, rfc6749
from token_server.web.dialects.dialect import Occurrence, Refuse
from token_server.web.dialects.refusal_table import TITLES, Row, Rows, headers_of

TABLES = {
    "camel": camel.REFUSALS,
    "rfc6749": rfc6749.REFUSALS,
    "exchange": rfc6749.EXCHANGE_REFUSALS,
}
REFUSE: dict[str, Refuse] = {
    "camel": camel.refuse,
    "rfc6749": rfc6749.SPELLING.refuse,
    "exchange": rfc6749.EXCHANGE.refuse,
    "json": json_body.refuse,
    "header": request_header.refusing(MovableClock()),
}
KINDS = {
    **{name: set(table) for name, table in TABLES.items()},
    "json": set(json_body.REFUSALS),
    "header": set(request_header.REFUSALS),
}
MEMBERS = {
    "camel": "type title status detail instance errorCode message error error_description traceId",
    "rfc6749": "error error_description errorCode message title detail status",
    "exchange": "error error_description errorCode message title detail status",
    "json": "message",
    "header": "type title status code detail instance timestamp traceId",
}
ARGUMENTS: dict[type[Refusal], tuple[object, ...]] = {
    refusals.RequestMalformed: ("A member is given twice.",),
    refusals.ClientRefused: ("the secret does not fit",),
    refusals.AssertionRefused: ("the signature does not fit",),
    refusals.MembersRefused: ({"refresh_token": "The refresh token is missing."},),
    refusals.MethodNotAllowed: ("GET, HEAD",),
    refusals.SessionEnded: (EndReason.REUSE,),
    refusals.TooManyAttempts: (timedelta(seconds=61),),
}


def subclasses(kind: type[Refusal]) -> Iterator[type[Refusal]]:
    for subclass in kind.__subclasses__():
        yield subclass
        yield from subclasses(subclass)


def row_of(kind: type[Refusal], table: Rows) -> Row:
    return next(table[parent] for parent in kind.__mro__ if parent in table)


ALL = sorted(subclasses(Refusal), key=lambda kind: kind.__name__)


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("kind", ALL)
def test_every_refusal_has_a_row(kind: type[Refusal], name: str) -> None:
    """A new type of refusal belongs into each table, or below a type that is there."""
    assert KINDS[name] & set(kind.__mro__)


def test_no_dialect_is_left_out() -> None:
    """Each that the settings know has its table here, the form dialect one for each spelling."""
    assert set(KINDS) == set(REFUSE) == {*TABLES, *get_args(Dialect)} - {"form"}


@pytest.mark.parametrize("name", REFUSE)
@pytest.mark.parametrize("kind", ALL)
def test_every_refusal_has_the_members_of_its_dialect_in_order(
    kind: type[Refusal], name: str
) -> None:
    """Clients of each dialect read them by name; an id that the log does not have is left out."""
    for trace_id in ("a-trace-id", None):
        refusal = kind(*ARGUMENTS.get(kind, ()))
        answer = REFUSE[name](refusal, at=Occurrence("/v1", trace_id))
        body = json.loads(bytes(answer.body))
        expected = MEMBERS[name].split()
        if trace_id is None or name not in ("camel", "header"):
            expected = [member for member in expected if member != "traceId"]
        if kind is refusals.MembersRefused and name == "json":
            expected.append("errors")
        assert list(body) == expected
        assert body.get("instance", "/v1") == "/v1"
        assert body.get("traceId") == (trace_id if "traceId" in MEMBERS[name] else None)


@pytest.mark.parametrize("name", REFUSE)
@pytest.mark.parametrize("kind", ALL)
def test_every_refusal_can_be_written(kind: type[Refusal], name: str) -> None:
    refusal = kind(*ARGUMENTS.get(kind, ())).about(sub="alice", sid="A" * 22)
    answer = REFUSE[name](refusal, at=Occurrence("/", "a-trace-id"))
    body = bytes(answer.body).decode()
    assert answer.status_code in TITLES
    assert "alice" not in body
    assert refusal.reason not in body or refusal.reason in {
        "temporarily_unavailable",
        "too_many_attempts",
        "method_not_allowed",
    }


@pytest.mark.parametrize(
    ("kind", "in_camel", "in_rfc6749", "error_code", "error"),
    [
        ("RequestMalformed", 400, 400, "UnexpectedContent", "invalid_request"),
        ("GrantUnsupported", 400, 400, "UnexpectedContent", "unsupported_grant_type"),
        ("BodyTooLarge", 413, 413, "UnexpectedContent", "invalid_request"),
        ("MediaTypeUnsupported", 415, 415, "UnexpectedContent", "invalid_request"),
        ("TokenMalformed", 401, 400, "InvalidToken", "invalid_grant"),
        ("TokenForged", 401, 400, "InvalidToken", "invalid_grant"),
        ("KeyUnknown", 401, 400, "InvalidToken", "invalid_grant"),
        ("TokenMisplaced", 401, 400, "InvalidToken", "invalid_grant"),
        ("TokenNotYetValid", 401, 400, "InvalidToken", "invalid_grant"),
        ("SessionUnknown", 401, 400, "InvalidToken", "invalid_grant"),
        ("SessionEnded", 401, 400, "InvalidToken", "invalid_grant"),
        ("TokenReused", 401, 400, "InvalidToken", "invalid_grant"),
        ("TokenExpired", 401, 400, "ExpiredToken", "invalid_grant"),
        ("AccountUnknown", 401, 400, "AccessDenied", "invalid_grant"),
        ("PasswordWrong", 401, 400, "AccessDenied", "invalid_grant"),
        ("AccountDisabled", 401, 400, "AccessDenied", "invalid_grant"),
        ("TooManyAttempts", 429, 429, "TooManyAttempts", "too_many_attempts"),
        ("StoreUnavailable", 503, 503, "ServiceUnavailable", "temporarily_unavailable"),
        ("StoreMemoryLost", 503, 503, "ServiceUnavailable", "temporarily_unavailable"),
        ("Overloaded", 503, 503, "ServiceUnavailable", "temporarily_unavailable"),
        ("GrantNotAllowed", 400, 400, "AccessDenied", "unauthorized_client"),
        ("ScopeRefused", 400, 400, "UnexpectedContent", "invalid_scope"),
        ("TargetRefused", 400, 400, "UnexpectedContent", "invalid_target"),
        ("ClientRefused", 401, 401, "AccessDenied", "invalid_client"),
        ("AssertionRefused", 401, 400, "InvalidToken", "invalid_grant"),
        ("MethodNotAllowed", 405, 405, "MethodNotAllowed", "invalid_request"),
        ("PathUnknown", 404, 404, "NotFound", "invalid_request"),
        ("InternalFault", 500, 500, "InternalServerError", "server_error"),
    ],
)
def test_the_rows_are_those_of_the_documented_table(
    kind: str, in_camel: int, in_rfc6749: int, error_code: str, error: str
) -> None:
    refusal_type = getattr(refusals, kind)
    for name, status in {"camel": in_camel, "rfc6749": in_rfc6749}.items():
        row = row_of(refusal_type, TABLES[name])
        assert (row.status, row.error_code, row.error) == (status, error_code, error)


@pytest.mark.parametrize("kind", ALL)
def test_what_is_wrong_with_an_exchanged_token_is_a_bad_request(kind: type[Refusal]) -> None:
    """RFC 8693 §2.2.2; everything else is as in the other grants."""
    row, elsewhere = (row_of(kind, TABLES[name]) for name in ("exchange", "rfc6749"))
    if issubclass(kind, refusals.TokenRefused):
        assert (row.status, row.error) == (400, "invalid_request")
    else:
        assert row == elsewhere


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES.keys())
def test_descriptions_hold_only_what_oauth_allows(table: Rows) -> None:
    """Authlib refuses a description outside RFC 6749 §5.2's characters."""
    for row in table.values():
        assert errors.OAuth2Error(description=row.description).description == row.description


@pytest.mark.parametrize(
    ("retry_in", "seconds"),
    [
        (timedelta(0), "1"),
        (timedelta(microseconds=1), "1"),
        (timedelta(seconds=1), "1"),
        (timedelta(seconds=1, microseconds=1), "2"),
        (timedelta(minutes=1), "60"),
    ],
)
def test_who_waits_as_told_has_waited_long_enough(retry_in: timedelta, seconds: str) -> None:
    assert headers_of(refusals.TooManyAttempts(retry_in)) == {"Retry-After": seconds}


def test_an_outage_says_when_to_come_back() -> None:
    assert headers_of(refusals.StoreUnavailable()) == {"Retry-After": "1"}
