"""What every answer of a running server has, whatever it answers and whichever layer writes it."""

import socket

import httpx
import pytest
from support.server import Server

from token_server.web.answering import overloaded

ASKED = {
    "JWK Set": b"GET /.well-known/jwks.json HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    "head of it": b"HEAD /.well-known/jwks.json HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    "page": b"GET /docs HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    "empty": b"POST /api/oauth2/token HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    "unknown path": b"GET /nowhere HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    "unknown method": b"X /livez HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    "unreadable": b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    "no HTTP": b"hello\r\n\r\n",
    "large head": b"GET / HTTP/1.1\r\nHost: a\r\nx: " + b"a" * 40_000 + b"\r\n\r\n",
}


@pytest.mark.parametrize("name", ASKED)
def test_no_answer_may_be_sniffed(name: str, server: Server) -> None:
    """Its type is the one that it names, said once."""
    address = httpx.URL(server.url)
    with socket.create_connection((address.host, address.port or 0), timeout=10) as connection:
        connection.sendall(ASKED[name])
        answer = b""
        while more := connection.recv(65_536):
            answer += more
    head = answer.partition(b"\r\n\r\n")[0].lower()
    assert head.startswith(b"http/1.1 ")
    assert head.count(b"\r\nx-content-type-options: nosniff") == 1


@pytest.mark.parametrize("method", [b"POST", b"HEAD"])
def test_an_answer_to_one_request_too_many_may_not_be_sniffed(method: bytes) -> None:
    head = overloaded(method).partition(b"\r\n\r\n")[0]
    assert head.count(b"\r\nx-content-type-options: nosniff") == 1


def test_an_answer_that_is_known_may_not_be_sniffed(client: httpx.Client) -> None:
    etag = client.get("/docs").headers["etag"]
    answer = client.get("/docs", headers={"If-None-Match": etag})
    assert answer.status_code == 304
    assert answer.headers["x-content-type-options"] == "nosniff"
