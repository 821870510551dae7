"""Answers that an app makes oddly: none is split, and each ends where its reader believes."""

from collections.abc import Iterator

import pytest
from starlette.types import Receive, Scope, Send
from support.raw_http import ask, serving

from token_server.web.hardened import Hardened

BODY = b"hello"
LENGTH = (b"content-length", b"5")
HEADERS = {
    "/plain": [LENGTH],
    "/split": [LENGTH, (b"x", b"a\r\nset-cookie: b")],
    "/half-split": [LENGTH, (b"x", b"a\nset-cookie: b")],
    "/nul": [LENGTH, (b"x", b"a\0b")],
    "/closing": [LENGTH, (b"connection", b"close")],
    "/no-length": [(b"x", b"a")],
    "/another-length": [(b"x-content-length", b"5")],
    "/chunked": [LENGTH, (b"transfer-encoding", b"chunked")],
}


async def odd(scope: Scope, _: Receive, send: Send) -> None:
    headers = HEADERS[scope["path"]]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": BODY})


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    # Who is not told to close waits for longer than the test does.
    with serving(Hardened, odd, keep_alive_seconds=60) as port:
        yield port


def asked(port: int, path: str, *, method: str = "GET") -> bytes:
    """The last one on its connection, so that all of the answer is read."""
    return ask(port, f"{method} {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode())


def test_a_plain_answer_has_its_length_and_says_that_it_is_the_last(port: int) -> None:
    head, _, body = asked(port, "/plain").partition(b"\r\n\r\n")
    assert body == BODY
    assert head.count(b"\r\nconnection: close") == 1


@pytest.mark.parametrize("path", ["/split", "/half-split", "/nul"])
def test_a_field_that_would_split_the_answer_is_never_written(port: int, path: str) -> None:
    answer = asked(port, path)
    assert b"set-cookie" not in answer
    assert b"\0" not in answer
    assert not answer.startswith(b"HTTP/1.1 200 ")


def test_head_is_answered_without_a_body(port: int) -> None:
    answer = asked(port, "/plain", method="HEAD")
    assert b"content-length: 5\r\n" in answer
    assert answer.endswith(b"\r\n\r\n")


def test_an_app_that_closes_says_so_once(port: int) -> None:
    question = b"GET /closing HTTP/1.1\r\nHost: a\r\n\r\n"
    assert ask(port, question).count(b"connection: close\r\n") == 1


@pytest.mark.parametrize("path", ["/no-length", "/another-length", "/chunked"])
def test_what_is_not_plainly_of_a_length_is_chunked(port: int, path: str) -> None:
    head, _, body = asked(port, path).partition(b"\r\n\r\n")
    assert b"transfer-encoding: chunked" in head
    assert body == b"5\r\nhello\r\n0\r\n\r\n"
