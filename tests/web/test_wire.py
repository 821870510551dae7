"""Reading and answering: limits, media types, and bytes that are no form."""

import json
from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect, Request
from starlette.types import Message
from support.web_room import WebRoom

from token_server.tokens.refusals import BodyTooLarge, MediaTypeUnsupported, RequestMalformed
from token_server.web.wire import (
    MAX_BODY_BYTES,
    MAX_FIELDS,
    check_form,
    json_answer,
    parse_fields,
    read_body,
)


def request_of(*chunks: bytes, headers: dict[str, str] | None = None) -> Request:
    """A request whose body comes in these chunks; without any, the client is gone."""
    messages: list[Message] = [
        {"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks
    ]
    messages.append(
        {"type": "http.request", "body": b""} if chunks else {"type": "http.disconnect"}
    )

    async def receive() -> Message:
        return messages.pop(0)

    scope = {"type": "http", "method": "POST", "path": "/", "headers": Headers(headers or {}).raw}
    return Request(scope, receive)


@pytest.mark.anyio
async def test_a_body_may_fill_its_limit_and_no_more() -> None:
    half = b"x" * (MAX_BODY_BYTES // 2)
    assert await read_body(request_of(half, half)) == half + half
    with pytest.raises(BodyTooLarge):
        await read_body(request_of(half, half, b"x"))


@pytest.mark.anyio
async def test_a_body_announced_too_large_is_refused_before_it_is_read() -> None:
    announced = request_of(headers={"content-length": str(MAX_BODY_BYTES + 1)})
    with pytest.raises(BodyTooLarge):
        await read_body(announced)


@pytest.mark.anyio
@pytest.mark.parametrize("length", ["", "many", "9" * 5000, "-1"])
async def test_a_length_that_is_no_number_is_counted_instead(length: str) -> None:
    assert await read_body(request_of(b"a=b", headers={"content-length": length})) == b"a=b"


@pytest.mark.anyio
async def test_a_client_that_has_gone_is_no_refusal() -> None:
    with pytest.raises(ClientDisconnect):
        await read_body(request_of())


@pytest.mark.parametrize(
    "content_type",
    [
        "application/x-www-form-urlencoded",
        "application/x-www-form-urlencoded; charset=utf-8",
        "application/x-www-form-urlencoded;charset=UTF-8",
        'Application/X-WWW-Form-URLencoded ; Charset="utf-8"',
        "application/x-www-form-urlencoded; charset=ISO-8859-1",
        "APPLICATION/X-WWW-FORM-URLENCODED;",
        "",
    ],
)
def test_a_form_in_any_writing_is_a_form(content_type: str) -> None:
    check_form(request_of(headers={"content-type": content_type}))


def test_a_body_without_a_media_type_is_read_as_a_form() -> None:
    check_form(request_of())


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "text/plain;charset=UTF-8",
        "multipart/form-data; boundary=x",
        "application/x-www-form-urlencoded2",
        "x; application/x-www-form-urlencoded",
        "application/json, application/x-www-form-urlencoded",
    ],
)
def test_another_media_type_is_refused(content_type: str) -> None:
    with pytest.raises(MediaTypeUnsupported):
        check_form(request_of(headers={"content-type": content_type}))


def test_two_media_types_are_malformed() -> None:
    twice = request_of(headers={"content-type": "application/x-www-form-urlencoded"})
    twice.scope["headers"] *= 2
    with pytest.raises(RequestMalformed):
        check_form(twice)


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        (b"a=b&c=d", [("a", "b"), ("c", "d")]),
        (b"a=100%&b=%zz&c=1%2", [("a", "100%"), ("b", "%zz"), ("c", "1%2")]),
        (b"a=b+c&d=b%2Bc", [("a", "b c"), ("d", "b+c")]),
        (b"a=b=c", [("a", "b=c")]),
        (b"&&a=&b&=c", [("a", ""), ("b", ""), ("", "c")]),
        (b"a=%00&b=\x00", [("a", "\0"), ("b", "\0")]),
        (b"a;b=c;d=e", [("a;b", "c;d=e")]),
        ("ä=ö".encode(), [("ä", "ö")]),
        (b"%C3%A4=%F0%9F%98%80", [("ä", "😀")]),
        (b"", []),
    ],
)
def test_a_form_is_taken_apart_as_it_was_sent(body: bytes, fields: list[tuple[str, str]]) -> None:
    assert list(parse_fields(body)) == fields


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"a=\xff", id="no UTF-8"),
        pytest.param(b"a=%ff", id="no UTF-8 behind percent signs"),
        pytest.param(b"%ff=a", id="no UTF-8 in a name"),
        pytest.param(b"a=%ED%A0%80", id="a lone surrogate"),
        pytest.param(b"a=\xed\xa0\x80", id="a raw lone surrogate"),
        pytest.param(b"a=%C0%80", id="an overlong NUL"),
        pytest.param("a=b".encode("utf-16"), id="UTF-16"),
        pytest.param(b"&".join([b"a=b"] * 10_000), id="10,000 members"),
    ],
)
def test_what_is_no_form_is_malformed(body: bytes) -> None:
    with pytest.raises(RequestMalformed):
        parse_fields(body)


def test_as_many_members_as_allowed_are_read() -> None:
    assert len(parse_fields(b"&".join([b"a=b"] * MAX_FIELDS))) == MAX_FIELDS
    with pytest.raises(RequestMalformed):
        parse_fields(b"&".join([b"a=b"] * (MAX_FIELDS + 1)))


FORM_LIKE = st.lists(
    st.sampled_from(
        [b"&", b"=", b"%", b"+", b"grant_type", b"refreshToken", b"\xff", b"%ED", b"a"]
    )
    | st.binary(max_size=4)
).map(b"".join)


@given(st.binary(max_size=400) | FORM_LIKE)
def test_any_bytes_are_read_or_malformed(body: bytes) -> None:
    try:
        fields = parse_fields(body)
    except RequestMalformed:
        return
    # Nothing was replaced, and no surrogate hides in it that would fail later.
    text = "".join(name + value for name, value in fields)
    assert "\ufffd" not in text or b"\xef\xbf\xbd" in body or b"%" in body
    assert text.encode().decode() == text


@pytest.mark.anyio
@given(body=st.binary(max_size=400) | FORM_LIKE)
async def test_any_bytes_get_the_refusal_of_a_table(body: bytes) -> None:
    """Never a fault of ours, and never an error description that RFC 6749 §5.2 forbids."""
    answer = await WebRoom().client.post("/api/oauth2/token", content=body)
    assert answer.status_code in {400, 401}
    description = answer.json()["error_description"]
    assert all(c in " !" or "#" <= c <= "[" or "]" <= c <= "~" for c in description)


@pytest.mark.anyio
async def test_a_chunked_body_is_a_body() -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for chunk in (b"grantType=RefreshTo", b"ken&refresh", b"Token=refresh.alice.1"):
            yield chunk

    answer = await WebRoom().client.post("/api/oauth2/token", content=chunks())
    assert answer.status_code == 200


def test_json_is_ascii_and_its_length_is_told() -> None:
    answer = json_answer(200, {"name": "ä\u2028"})
    assert answer.body == b'{"name":"\\u00e4\\u2028"}'
    assert answer.headers["content-length"] == str(len(answer.body))
    assert json.loads(bytes(answer.body)) == {"name": "ä\u2028"}
