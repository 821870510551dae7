"""Every dialect on one core: what began in one of them goes on in another."""

import base64
import json
from typing import Any

import httpx
import pytest
from support.worlds import NAME, PASSWORD, World, pair_in, password_hash

from token_server.tokens.model import Subject

pytestmark = pytest.mark.anyio

PROFILE = {"id": 7, "email": "alice@example.org", "rank": {"level": 3}}
rotating_header = pytest.mark.parametrize("overrides", [{"HEADER_REFRESH_POLICY": "rotating"}])
reusable_json = pytest.mark.parametrize("overrides", [{"JSON_REFRESH_POLICY": "reusable"}])


async def add_alice(world: World) -> None:
    await world.accounts.add(
        Subject(NAME),
        password_hash=password_hash(),
        profile=json.dumps(PROFILE),
    )


async def log_in(world: World, path: str) -> dict[str, Any]:
    await add_alice(world)
    answer = await world.client.post(path, json={"email": NAME, "password": PASSWORD})
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def by_json(world: World, token: str) -> httpx.Response:
    return await world.client.post("/auth-service/v1/refresh", json={"refresh_token": token})


async def by_header(world: World, token: str) -> httpx.Response:
    return await world.client.get("/v1/auth/refresh-token", headers={"x-refresh-token": token})


def tokens_of(answer: httpx.Response) -> tuple[str, str]:
    """The access token and the refresh token of the header dialect."""
    assert answer.status_code == 200, answer.text
    tokens = answer.json()["data"]["tokens"]
    return tokens["accessToken"], tokens["refreshToken"]


def claims_of(token: str) -> dict[str, Any]:
    payload = token.split(".")[1]
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=="))
    return claims


async def test_a_session_of_the_json_dialect_rotates(world: World) -> None:
    first = (await log_in(world, "/auth-service/v1/login"))["auth"]["refresh_token"]
    second = (await by_json(world, first)).json()
    assert second["auth"]["refresh_token"] != first
    assert second["user"]["id"] == 7
    assert second["user"]["rank"]["level"] == 3
    repeated = await by_json(world, first)
    assert repeated.json() == second
    await by_json(world, second["auth"]["refresh_token"])
    reused = await by_json(world, first)
    assert (reused.status_code, reused.json()) == (401, {"message": "Unauthenticated."})


async def test_a_session_of_the_header_dialect_keeps_its_refresh_token(world: World) -> None:
    body = await log_in(world, "/v1/auth/login")
    assert body["data"]["user"]["email"] == PROFILE["email"]
    first = body["data"]["tokens"]
    seen = {first["accessToken"]}
    for _ in range(3):
        world.clock.move(seconds=400)
        access_token, refresh_token = tokens_of(await by_header(world, first["refreshToken"]))
        assert refresh_token == first["refreshToken"]
        assert access_token not in seen
        seen.add(access_token)


async def test_no_other_path_changes_what_a_session_keeps(world: World) -> None:
    """The policy is fixed when a session begins."""
    kept = (await log_in(world, "/v1/auth/login"))["data"]["tokens"]["refreshToken"]
    assert (await by_json(world, kept)).json()["auth"]["refresh_token"] == kept
    assert pair_in(await world.refresh(kept))["refresh_token"] == kept
    begun_in_the_form = (await world.log_in())["refresh_token"]
    _, rotated = tokens_of(await by_header(world, begun_in_the_form))
    assert rotated != begun_in_the_form
    assert tokens_of(await by_header(world, begun_in_the_form))[1] == rotated


@rotating_header
async def test_the_header_dialect_may_rotate(world: World) -> None:
    first = (await log_in(world, "/v1/auth/login"))["data"]["tokens"]["refreshToken"]
    assert tokens_of(await by_header(world, first))[1] != first


@reusable_json
async def test_the_json_dialect_may_keep_the_refresh_token(world: World) -> None:
    first = (await log_in(world, "/auth-service/v1/login"))["auth"]["refresh_token"]
    assert (await by_json(world, first)).json()["auth"]["refresh_token"] == first


async def test_a_kept_refresh_token_dies_with_its_session(world: World) -> None:
    tokens = (await log_in(world, "/v1/auth/login"))["data"]["tokens"]
    assert (await world.log_out(tokens["accessToken"])).status_code == 204
    refused = await by_header(world, tokens["refreshToken"])
    assert (refused.status_code, refused.json()["code"]) == (401, "unauthorized")


async def test_access_tokens_of_the_header_dialect_say_who_it_is(world: World) -> None:
    """After every other claim; those of other dialects do not."""
    body = await log_in(world, "/v1/auth/login")
    of_log_in = claims_of(body["data"]["tokens"]["accessToken"])
    refresh_token = body["data"]["tokens"]["refreshToken"]
    access_token, _ = tokens_of(await by_header(world, refresh_token))
    for claims in (of_log_in, claims_of(access_token)):
        assert list(claims)[-2:] == ["id", "email"]
        assert (claims["id"], claims["email"]) == (7, PROFILE["email"])
        assert claims["sub"] == NAME
    in_json = (await by_json(world, refresh_token)).json()["auth"]["access_token"]
    assert "email" not in claims_of(in_json)
    assert "email" not in claims_of(refresh_token)


async def test_an_answer_of_the_header_dialect_that_was_lost_is_answered_again(
    world: World,
) -> None:
    first = (await world.log_in())["refresh_token"]
    answers = [await by_header(world, first) for _ in range(2)]
    assert answers[0].content == answers[1].content


@pytest.mark.parametrize("path", ["/auth-service/v1/login", "/v1/auth/login"])
async def test_a_wrong_password_and_an_unknown_name_are_told_alike(
    path: str, world: World
) -> None:
    await add_alice(world)
    answers = [
        await world.client.post(path, json={"email": name, "password": "wrong"})
        for name in (NAME, "nobody")
    ]
    told = [
        {k: v for k, v in answer.json().items() if k not in {"traceId", "timestamp"}}
        for answer in answers
    ]
    assert told[0] == told[1]
    assert [answer.status_code for answer in answers] == [401, 401]
