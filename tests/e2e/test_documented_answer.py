"""The documented request of the form dialect, with a token of ours in it."""

import base64
import json
import re
from datetime import datetime
from typing import Any

import httpx
from support.forms import PATH
from support.server import Server

# Decoded from the documentation's own example.
DOCUMENTED_ANSWER = (
    *("access_token", "refresh_token", "accessTokenExpiresAt", "refreshTokenExpiresAt"),
)
DOCUMENTED_HEADER = ["alg", "kid", "typ"]
DOCUMENTED_REFRESH = {
    "unique_name": str,
    "token_id": str,
    "short_term_expiration": str,
    "nbf": int,
    "exp": int,
    "iat": int,
    "aud": str,
}
DOCUMENTED_ACCESS = {"unique_name": str, "nbf": int, "exp": int, "iat": int, "aud": str}
UUID_V4 = r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"


def part(token: str, number: int) -> dict[str, Any]:
    text = token.split(".")[number]
    decoded: dict[str, Any] = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    return decoded


def test_the_documented_request_is_answered_as_documented(
    server: Server, client: httpx.Client
) -> None:
    token = server.pair("user").refresh_token
    answer = client.post(
        PATH,
        content=f"grantType=RefreshToken&refreshToken={token}",
        headers={"Content-Type": "application/x-www-form-urlencoded"},
    )
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Cache-Control"] == "no-store"
    body = answer.json()
    assert tuple(body)[:4] == DOCUMENTED_ANSWER
    assert (body["accessToken"], body["refreshToken"]) == (
        body["access_token"],
        body["refresh_token"],
    )
    _check_token(body["refresh_token"], DOCUMENTED_REFRESH, body["refreshTokenExpiresAt"])
    _check_token(body["access_token"], DOCUMENTED_ACCESS, body["accessTokenExpiresAt"])
    claims = part(body["refresh_token"], 1)
    assert re.fullmatch(UUID_V4, claims["token_id"])
    assert claims["token_id"] != part(token, 1)["token_id"]
    assert (claims["aud"], claims["short_term_expiration"]) == ("refresh", "False")
    assert claims["exp"] - claims["iat"] == 14 * 86_400
    access = part(body["access_token"], 1)
    assert (access["aud"], access["exp"] - access["iat"]) == ("access", 900)


def _check_token(token: str, documented: dict[str, type], expires_at: str) -> None:
    header, claims = part(token, 0), part(token, 1)
    assert list(header) == DOCUMENTED_HEADER
    assert (header["alg"], header["typ"]) == ("RS512", "JWT")
    assert list(claims)[: len(documented)] == list(documented)
    assert {name: type(claims[name]) for name in documented} == documented
    assert claims["nbf"] == claims["iat"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7}Z", expires_at)
    to_the_second = datetime.fromisoformat(expires_at[:19] + "+00:00")
    assert claims["exp"] == to_the_second.timestamp()
