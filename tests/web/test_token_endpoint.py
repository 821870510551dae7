"""The token endpoint: what it ignores, what it audits, and that each refusal is told once."""

import re

import pytest
from support.ledger import ISSUED_AT
from support.web_room import WebRoom

from token_server.tokens.moments import to_seconds

pytestmark = pytest.mark.anyio

REFRESH = "grantType=RefreshToken&refreshToken=refresh.alice.1"


@pytest.fixture
def room() -> WebRoom:
    return WebRoom()


@pytest.mark.parametrize(
    "path",
    [
        "/api/oauth2/token/",
        "//api/oauth2/token",
        "/api//oauth2/token",
        "/api/oauth2/token//",
        "/api/oauth2/token?refreshToken=of-the-query",
    ],
)
async def test_slashes_and_queries_change_nothing(path: str, room: WebRoom) -> None:
    """Served, never redirected: a redirected POST loses its body."""
    url = room.client.base_url.copy_with(raw_path=path.encode())
    answer = await room.client.post(url, content=REFRESH)
    assert answer.status_code == 200
    assert room.ledger.refreshed == ["refresh.alice.1"]


async def test_members_of_the_query_are_not_read(room: WebRoom) -> None:
    """RFC 6749 §2.3.1: they belong into the body; an address is logged on its way."""
    answer = await room.client.post(f"/api/oauth2/token?{REFRESH}")
    assert answer.status_code == 400


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "Bearer stale"},
        {"Authorization": "Basic !"},
        {"Accept": "application/problem+json"},
        {"Accept": "image/png"},
        {"Expect": "100-continue"},
        {"x-api-version": "1.2-rev0"},
    ],
)
async def test_headers_that_clients_leave_behind_are_ignored(
    headers: dict[str, str], room: WebRoom
) -> None:
    assert (await room.token(REFRESH, **headers)).status_code == 200


async def test_the_same_pair_is_answered_with_the_same_bytes(room: WebRoom) -> None:
    """Whatever the clock says by then: a repeat is the answer that was lost."""
    first = await room.token(REFRESH)
    room.clock.move(seconds=59)
    second = await room.token(REFRESH)
    assert first.content == second.content
    assert first.headers == second.headers


async def test_what_is_left_counts_from_issue_to_exp(room: WebRoom) -> None:
    """`exp` is the whole-second floor of the moment told, and `expires_in` what leads there."""
    body = (await room.token("grant_type=refresh_token&refresh_token=refresh.alice.1")).json()
    session = room.ledger.pairs["refresh.alice.1"].session
    exp = to_seconds(session.access_token_expires_at)
    assert to_seconds(ISSUED_AT) + body["expires_in"] == exp
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7}Z", body["accessTokenExpiresAt"])


@pytest.mark.parametrize(
    ("body", "event", "reason", "spelling"),
    [
        ("", "refused", "request_malformed", "camel"),
        ("grant_type=x", "refused", "grant_unsupported", "rfc6749"),
        ("grant_type=refresh_token&refresh_token=forged", "refused", "token_forged", "rfc6749"),
        ("grantType=RefreshToken&refreshToken=expired", "refused", "token_expired", "camel"),
        ("grantType=RefreshToken&refreshToken=reused", "reused", "token_reused", "camel"),
        ("grantType=Password&userName=alice&password=x", "refused", "password_wrong", "camel"),
        ("grantType=Password&userName=bob&password=x", "refused", "account_unknown", "camel"),
        (
            "grant_type=refresh_token&refresh_token=while-the-store-is-away",
            "refused",
            "store_unavailable",
            "rfc6749",
        ),
    ],
)
async def test_a_refusal_is_audited_once_with_its_true_reason(
    body: str, event: str, reason: str, spelling: str, room: WebRoom
) -> None:
    await room.token(body)
    [fact] = room.facts
    assert (fact["event"], fact["reason"], fact["spelling"], fact["peer"]) == (
        event,
        reason,
        spelling,
        "127.0.0.1",
    )


async def test_what_the_rules_record_says_how_the_server_was_spoken_to(room: WebRoom) -> None:
    """The rules know neither peer nor dialect; their facts carry both all the same."""
    await room.token(REFRESH)
    await room.token("grant_type=refresh_token&refresh_token=refresh.alice.1")
    await room.client.post("/api/oauth2/logout", headers={"Authorization": "Bearer access.a"})
    assert room.ledger.contexts == [
        {"dialect": "form", "spelling": "camel", "peer": "127.0.0.1"},
        {"dialect": "form", "spelling": "rfc6749", "peer": "127.0.0.1"},
        {"dialect": "form", "spelling": "camel", "peer": "127.0.0.1"},
    ]


async def test_a_refusal_tells_the_operator_whom_it_concerns(room: WebRoom) -> None:
    await room.token("grantType=RefreshToken&refreshToken=reused")
    assert room.facts[0]["sid"] == "A" * 22
    assert room.facts[0]["sub"] == "alice"


async def test_the_trace_id_of_an_answer_is_found_in_the_audit_log(room: WebRoom) -> None:
    """Who complains quotes it; the operator's line has it, with the true reason."""
    answer = await room.token("grantType=RefreshToken&refreshToken=forged")
    assert room.facts[0]["trace_id"] == answer.json()["traceId"]
    assert "token_forged" not in answer.text


async def test_what_is_malformed_is_told_in_constant_words(room: WebRoom) -> None:
    answer = await room.token("grantType=RefreshToken&refreshToken=s3cret&refresh_token=s3cret")
    assert answer.json()["detail"] == room.facts[0]["fault"] == "A member is given twice."
    assert "s3cret" not in answer.text + room.audit_lines.getvalue()


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ({"Content-Type": "application/json"}, "media_type_unsupported"),
        ({"Content-Length": "65537"}, "body_too_large"),
    ],
)
async def test_what_is_refused_before_it_is_read_is_audited_too(
    headers: dict[str, str], reason: str, room: WebRoom
) -> None:
    await room.token(REFRESH, **headers)
    assert [fact["reason"] for fact in room.facts] == [reason]
    assert room.ledger.refreshed == []
