"""How a body is read that is encoded, or has a byte order mark in front."""

import codecs
import gzip
import json

import httpx
import pytest
from support.web_room import WebRoom

pytestmark = pytest.mark.anyio

FORM = b"grantType=RefreshToken&refreshToken=refresh.alice.1"
STANDARD = b"grant_type=refresh_token&refresh_token=refresh.alice.1"
JSON = b'{"refresh_token":"refresh.alice.1"}'
LOG_IN = b'{"email":"alice","password":"correct horse"}'
ASKED = {
    "camel": ("POST", "/api/oauth2/token", FORM, "application/x-www-form-urlencoded"),
    "rfc6749": ("POST", "/api/oauth2/token", STANDARD, "application/x-www-form-urlencoded"),
    "revoke": ("POST", "/api/oauth2/revoke", b"token=x", "application/x-www-form-urlencoded"),
    "json": ("POST", "/auth-service/v1/refresh", JSON, "application/json"),
    "json log in": ("POST", "/auth-service/v1/login", LOG_IN, "application/json"),
    "header": ("GET", "/v1/auth/refresh-token", b"{}", "application/json"),
    "header log in": ("POST", "/v1/auth/login", LOG_IN, "application/json"),
}


async def ask(name: str, **headers: str) -> httpx.Response:
    method, path, body, media_type = ASKED[name]
    sent = {"Content-Type": media_type, "x-refresh-token": "refresh.alice.1"} | headers
    if headers.get("Content-Encoding") == "gzip":
        body = gzip.compress(body)
    return await WebRoom().client.request(method, path, content=body, headers=sent)


@pytest.mark.parametrize("name", ASKED)
@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd", "x-gzip", "identity, gzip"])
async def test_an_encoded_body_is_an_unsupported_media_type(name: str, coding: str) -> None:
    """RFC 9110 §15.5.16; `Accept-Encoding` says what would have been read (§12.5.3)."""
    answer = await ask(name, **{"Content-Encoding": coding})
    assert (answer.status_code, answer.headers["accept-encoding"]) == (415, "identity")
    assert "compressed" in answer.text


@pytest.mark.parametrize("name", ASKED)
@pytest.mark.parametrize("coding", ["", "identity", " Identity "])
async def test_a_body_that_is_not_encoded_is_read(name: str, coding: str) -> None:
    assert (await ask(name, **{"Content-Encoding": coding})).status_code == 200


async def test_the_encoding_of_a_body_that_is_not_read_does_not_matter() -> None:
    headers = {"x-refresh-token": "refresh.alice.1", "Content-Encoding": "gzip"}
    answer = await WebRoom().client.get("/v1/auth/refresh-token", headers=headers)
    assert answer.status_code == 200
    bearer = {"Authorization": "Bearer access.alice.1", "Content-Encoding": "gzip"}
    answer = await WebRoom().client.post("/api/oauth2/logout", content=b"x", headers=bearer)
    assert answer.status_code == 204


@pytest.mark.parametrize("name", ["json", "json log in", "header", "header log in"])
async def test_a_byte_order_mark_before_json_is_skipped(name: str) -> None:
    """RFC 8259 §8.1."""
    method, path, body, media_type = ASKED[name]
    headers = {"Content-Type": media_type, "x-refresh-token": "refresh.alice.1"}
    ask = WebRoom().client.request
    answer = await ask(method, path, content=codecs.BOM_UTF8 + body, headers=headers)
    assert answer.status_code == 200


async def test_json_of_another_encoding_is_refused() -> None:
    body = json.dumps(json.loads(JSON)).encode("utf-16")
    headers = {"Content-Type": "application/json"}
    answer = await WebRoom().client.post("/auth-service/v1/refresh", content=body, headers=headers)
    assert (answer.status_code, answer.json()["message"]) == (
        400,
        "The body is not one JSON object.",
    )
