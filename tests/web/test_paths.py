"""Paths and methods: every refusal of them has the shape of all the others."""

import pytest
from support.web_room import WebRoom

from token_server.tokens.refusals import Overloaded
from token_server.web.paths import one_spelling

ALLOWED = {
    "/api/oauth2/token": "POST, DELETE",
    "/api/oauth2/logout": "POST",
    "/.well-known/jwks.json": "GET, HEAD",
    "/livez": "GET, HEAD",
    "/readyz": "GET, HEAD",
}


@pytest.mark.anyio
@pytest.mark.parametrize(("path", "allowed"), ALLOWED.items())
@pytest.mark.parametrize(
    "method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "X"]
)
async def test_a_wrong_method_is_told_all_methods_of_the_path(
    path: str, allowed: str, method: str
) -> None:
    answer = await WebRoom().client.request(method, path)
    if method in allowed.split(", "):
        assert answer.status_code != 405
    else:
        assert answer.status_code == 405
        assert answer.headers["allow"] == allowed
        assert method == "HEAD" or answer.json()["errorCode"] == "MethodNotAllowed"


@pytest.mark.anyio
@pytest.mark.parametrize(
    "path", ["/", "/api", "/api/oauth2/token/x", "/API/oauth2/token", "/livez.", "/livez%2Fx"]
)
async def test_an_unknown_path_is_refused_like_anything_else(path: str) -> None:
    answer = await WebRoom().client.get(path)
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["errorCode"] == "NotFound"


@pytest.mark.anyio
async def test_what_stands_in_a_path_is_not_repeated() -> None:
    answer = await WebRoom().client.get("/api/oauth2/token/s3cret")
    assert "s3cret" not in answer.text


@pytest.mark.anyio
async def test_who_cannot_serve_says_so_and_is_up_nevertheless() -> None:
    room = WebRoom(unready=Overloaded())
    ready, live = await room.client.get("/readyz"), await room.client.get("/livez")
    assert (ready.status_code, ready.headers["retry-after"]) == (503, "1")
    assert ready.json()["errorCode"] == "ServiceUnavailable"
    assert live.status_code == 200
    # A probe asks every few seconds: no fact of security.
    assert room.facts == []


@pytest.mark.parametrize(
    ("path", "spelling"),
    [
        ("/", "/"),
        ("//", "/"),
        ("", "/"),
        ("/a/b", "/a/b"),
        ("//a///b//", "/a/b"),
        ("/a/./b", "/a/./b"),
    ],
)
def test_only_slashes_are_tidied(path: str, spelling: str) -> None:
    assert one_spelling(path) == spelling
