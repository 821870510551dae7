"""Log-out: one bearer token, whatever the body; a request cut off ends no session."""

import pytest
from starlette.types import Message
from support.web_room import WebRoom

PATH = "/api/oauth2/logout"
BEARER = {"Authorization": "Bearer access.alice.2"}


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"", None),
        (b"{}", "application/json"),
        (b"{", "application/json"),
        (b"\xff\x00", "application/x-www-form-urlencoded"),
        (b"x" * 65536, "text/plain"),
    ],
)
async def test_any_body_is_ignored(body: bytes, content_type: str | None) -> None:
    room = WebRoom()
    headers = BEARER | ({"Content-Type": content_type} if content_type else {})
    answer = await room.client.post(PATH, content=body, headers=headers)
    assert (answer.status_code, answer.content) == (204, b"")
    assert room.ledger.ended == ["access.alice.2"]


@pytest.mark.anyio
async def test_a_body_over_the_limit_ends_nothing() -> None:
    room = WebRoom()
    answer = await room.client.post(PATH, content=b"x" * 65537, headers=BEARER)
    assert answer.status_code == 413
    assert room.ledger.ended == []


@pytest.mark.anyio
async def test_a_request_cut_off_in_the_middle_ends_nothing_and_logs_nothing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    room = WebRoom()
    incoming: list[Message] = [
        {"type": "http.request", "body": b"{", "more_body": True},
        {"type": "http.disconnect"},
    ]
    sent: list[Message] = []

    async def receive() -> Message:
        return incoming.pop(0)

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": PATH,
        "headers": [(b"authorization", b"Bearer access.alice.2")],
    }
    await room.app(scope, receive, send)
    # Some answer the server must have, though nobody reads it.
    assert [message.get("status") for message in sent] == [400, None]
    assert (room.ledger.ended, room.facts) == ([], [])
    assert capsys.readouterr().out == ""


@pytest.mark.anyio
async def test_only_the_versioned_log_out_has_a_body() -> None:
    """`DELETE` answers 204 whatever the version."""
    versioned = BEARER | {"x-api-version": "1.2-rev0"}
    room = WebRoom()
    assert (await room.client.post(PATH, headers=versioned)).content == b"{}"
    deleted = await room.client.delete("/api/oauth2/token", headers=versioned)
    assert (deleted.status_code, deleted.content) == (204, b"")


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("authorization", "reason"),
    [
        (None, "token_missing"),
        ("Bearer !", "token_malformed"),
        ("Bearer forged", "token_forged"),
        ("Bearer ended", "session_ended"),
    ],
)
async def test_a_refused_log_out_is_audited_once_with_its_true_reason(
    authorization: str | None, reason: str
) -> None:
    room = WebRoom()
    headers = {"Authorization": authorization} if authorization else {}
    answer = await room.client.post(PATH, headers=headers)
    assert answer.status_code == 401
    assert [fact["reason"] for fact in room.facts] == [reason]
