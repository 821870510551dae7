"""The form dialect as its clients speak it."""

from typing import Any

import httpx

PATH = "/api/oauth2/token"


def refresh(client: httpx.Client, token: str, **more: str) -> httpx.Response:
    form = {"grantType": "RefreshToken", "refreshToken": token} | more
    return client.post(PATH, data=form)


def log_in(client: httpx.Client, name: str, password: str, **more: str) -> httpx.Response:
    form = {"grantType": "Password", "userName": name, "password": password} | more
    return client.post(PATH, data=form)


def log_out(client: httpx.Client, access_token: str) -> httpx.Response:
    return client.post("/api/oauth2/logout", headers={"Authorization": f"Bearer {access_token}"})


def tokens(answer: httpx.Response) -> dict[str, Any]:
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body
