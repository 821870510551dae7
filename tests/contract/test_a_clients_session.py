"""A session as its client lives it, by a clock that moves."""

import asyncio

import pytest
from support.worlds import LOG_OUT, PASSWORD, TOKEN, World, pair_in

from token_server.tokens.model import Subject

pytestmark = pytest.mark.anyio


async def test_log_in_refresh_refresh_again_reuse_log_out(world: World) -> None:
    first = await world.log_in()
    second = await world.refresh(first["refresh_token"])
    again = await world.refresh(first["refresh_token"])
    assert again.content == second.content
    third = pair_in(await world.refresh(pair_in(second)["refresh_token"]))
    assert (await world.log_out(third["access_token"])).status_code == 204
    for dead in (first, pair_in(second), third):
        assert (await world.refresh(dead["refresh_token"])).status_code == 401
    for dead in (first, pair_in(second)):
        assert (await world.log_out(dead["access_token"])).status_code == 401


async def test_a_log_out_that_is_repeated_is_a_success(world: World) -> None:
    """Its first answer may have been lost, or a 503 after the store had ended the session."""
    first = await world.log_in()
    second = pair_in(await world.refresh(first["refresh_token"]))
    for _ in range(3):
        assert (await world.log_out(second["access_token"])).status_code == 204
    assert (await world.log_out(first["access_token"])).status_code == 401
    deleted = await world.client.delete(
        TOKEN, headers={"Authorization": f"Bearer {second['access_token']}"}
    )
    assert deleted.status_code == 204


@pytest.mark.parametrize("how", ["operator", "reuse"])
async def test_a_session_that_ended_otherwise_is_not_logged_out(world: World, how: str) -> None:
    first = await world.log_in()
    second = pair_in(await world.refresh(first["refresh_token"]))
    third = pair_in(await world.refresh(second["refresh_token"]))
    if how == "operator":
        await world.accounts.disable(Subject("alice"))
    else:
        assert (await world.refresh(first["refresh_token"])).status_code == 401
    for _ in range(2):
        assert (await world.log_out(third["access_token"])).status_code == 401


MOMENTS = {"before it began": {"hours": -2}, "after it expired": {"hours": 2}}


@pytest.mark.parametrize("when", MOMENTS)
@pytest.mark.parametrize("how", ["log out", "delete", "access token", "refresh token"])
async def test_a_genuine_token_is_revoked_and_logged_out_whatever_its_times_say(
    world: World, when: str, how: str
) -> None:
    """It may come from a server whose clock is ahead, and must not work an hour later."""
    first = await world.log_in()
    world.clock.move(**MOMENTS[when])
    match how:
        case "log out":
            assert (await world.log_out(first["access_token"])).status_code == 204
        case "delete":
            bearer = {"Authorization": f"Bearer {first['access_token']}"}
            assert (await world.client.delete(TOKEN, headers=bearer)).status_code == 204
        case _:
            token = first[how.replace(" ", "_")]
            answer = await world.client.post("/api/oauth2/revoke", data={"token": token})
            assert answer.status_code == 200
    world.clock.move(**{name: -length for name, length in MOMENTS[when].items()})
    assert (await world.log_out(first["access_token"])).status_code == (
        204 if how in {"log out", "delete"} else 401
    )
    is_alone = how == "access token"
    assert (await world.refresh(first["refresh_token"])).status_code == (200 if is_alone else 401)


@pytest.mark.parametrize("when", MOMENTS)
async def test_what_is_forged_ends_nothing_whatever_its_times_say(world: World, when: str) -> None:
    first = await world.log_in()
    world.clock.move(**MOMENTS[when])
    for name in ("access_token", "refresh_token"):
        head, payload, signature = first[name].split(".")
        forged = f"{head}.{payload}.{signature[:-8]}AAAAAAAA"
        assert (await world.log_out(forged)).status_code == 401
        answer = await world.client.post("/api/oauth2/revoke", data={"token": forged})
        assert answer.status_code == 200
    assert (await world.log_out(first["refresh_token"])).status_code == 401
    world.clock.move(**{name: -length for name, length in MOMENTS[when].items()})
    assert (await world.refresh(first["refresh_token"])).status_code == 200


async def test_reuse_ends_the_whole_session(world: World) -> None:
    first = await world.log_in()
    second = pair_in(await world.refresh(first["refresh_token"]))
    third = pair_in(await world.refresh(second["refresh_token"]))
    assert (await world.refresh(first["refresh_token"])).status_code == 401
    assert (await world.refresh(third["refresh_token"])).status_code == 401
    assert (await world.log_out(third["access_token"])).status_code == 401


async def test_a_lost_answer_found_out_late_gets_a_fresh_pair_and_the_void_one_ends_the_session(
    world: World,
) -> None:
    first = await world.log_in()
    lost = pair_in(await world.refresh(first["refresh_token"]))
    world.clock.move(hours=30)
    fresh = pair_in(await world.refresh(first["refresh_token"]))
    assert fresh["refresh_token"] != lost["refresh_token"]
    pair_in(await world.refresh(fresh["refresh_token"]))
    assert (await world.refresh(lost["refresh_token"])).status_code == 401
    assert (await world.refresh(fresh["refresh_token"])).status_code == 401


async def test_the_void_successor_ends_the_session_also_before_the_fresh_pair_is_used(
    world: World,
) -> None:
    first = await world.log_in()
    lost = pair_in(await world.refresh(first["refresh_token"]))
    world.clock.move(seconds=61)
    fresh = pair_in(await world.refresh(first["refresh_token"]))
    assert (await world.refresh(lost["refresh_token"])).status_code == 401
    assert (await world.refresh(fresh["refresh_token"])).status_code == 401


async def test_a_repeat_late_in_the_grace_period_answers_the_same_bytes(world: World) -> None:
    first = await world.log_in()
    answer = await world.refresh(first["refresh_token"])
    world.clock.move(seconds=59)
    assert (await world.refresh(first["refresh_token"])).content == answer.content


async def test_both_spellings_refresh_one_session(world: World) -> None:
    first = await world.log_in()
    second = pair_in(
        await world.ask(grant_type="refresh_token", refresh_token=first["refresh_token"])
    )
    third = pair_in(await world.refresh(second["refresh_token"]))
    assert third["refresh_token"] != second["refresh_token"]


async def test_an_expired_refresh_token_says_so_and_only_that(world: World) -> None:
    first = await world.log_in()
    world.clock.move(days=14)
    camel = await world.refresh(first["refresh_token"])
    assert (camel.status_code, camel.json()["errorCode"]) == (401, "ExpiredToken")
    rfc = await world.ask(grant_type="refresh_token", refresh_token=first["refresh_token"])
    assert (rfc.status_code, rfc.json()["error"]) == (400, "invalid_grant")


async def test_a_session_slides_for_as_long_as_it_is_used(world: World) -> None:
    pair = await world.log_in()
    for _ in range(5):
        world.clock.move(days=13)
        pair = pair_in(await world.refresh(pair["refresh_token"]))


async def test_a_short_term_session_expires_a_quarter_of_an_hour_after_its_access_token(
    world: World,
) -> None:
    pair = await world.log_in(use_short_term_refresh="true")
    world.clock.move(minutes=29, seconds=58)
    pair = pair_in(await world.refresh(pair["refresh_token"]))
    world.clock.move(minutes=30)
    assert (await world.refresh(pair["refresh_token"])).json()["errorCode"] == "ExpiredToken"


async def test_disabling_an_account_ends_its_sessions_and_enabling_revives_none(
    world: World,
) -> None:
    pair = await world.log_in()
    await world.accounts.disable(Subject("alice"))
    refused = await world.ask(grantType="Password", userName="alice", password=PASSWORD)
    assert (refused.status_code, refused.json()["errorCode"]) == (401, "AccessDenied")
    await world.accounts.enable(Subject("alice"))
    assert (await world.refresh(pair["refresh_token"])).status_code == 401
    assert (await world.log_out(pair["access_token"])).status_code == 401
    await world.log_in()


async def test_unknown_user_wrong_password_and_disabled_account_answer_the_same(
    world: World,
) -> None:
    await world.add_account("alice")
    await world.add_account("bob")
    await world.accounts.disable(Subject("bob"))
    tries = [("nobody", PASSWORD), ("alice", "wrong"), ("bob", PASSWORD)]
    answers = [
        await world.ask(grantType="Password", userName=name, password=password)
        for name, password in tries
    ]
    bodies = [answer.json() for answer in answers]
    assert len({tuple(sorted({**body, "traceId": ""}.items())) for body in bodies}) == 1
    assert {answer.status_code for answer in answers} == {401}


async def test_an_emptied_store_answers_503_and_logs_nobody_out(world: World) -> None:
    pair = await world.log_in()
    await world.redis.flushall()
    for answer in (
        await world.refresh(pair["refresh_token"]),
        await world.client.get("/readyz"),
    ):
        assert answer.status_code == 503
        assert int(answer.headers["Retry-After"]) >= 1


async def test_a_dead_token_shown_in_a_tight_loop_is_limited_and_a_live_one_is_not(
    world: World,
) -> None:
    pair = await world.log_in()
    live = pair_in(await world.refresh(pair["refresh_token"]))
    dead = live["access_token"]
    statuses = [(await world.refresh(dead)).status_code for _ in range(70)]
    assert (statuses[0], statuses[-1]) == (401, 429)
    limited = await world.refresh(dead)
    assert int(limited.headers["Retry-After"]) >= 1
    pair_in(await world.refresh(live["refresh_token"]))


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "HEAD"])
async def test_a_wrong_method_is_told_the_right_ones(world: World, method: str) -> None:
    answer = await world.client.request(method, TOKEN)
    assert answer.status_code == 405
    assert {word.strip() for word in answer.headers["Allow"].split(",")} == {"POST", "DELETE"}


async def test_an_emptied_store_is_no_authority_on_a_log_out_either(world: World) -> None:
    pair = await world.log_in()
    await world.redis.flushall()
    assert (await world.log_out(pair["access_token"])).status_code == 503


async def test_a_store_that_takes_no_writes_is_not_ready_and_ends_no_session(
    world: World,
) -> None:
    pair = await world.log_in()
    await world.redis.config_set("min-replicas-to-write", 1)
    try:
        assert (await world.client.get("/readyz")).status_code == 503
        assert (await world.refresh(pair["refresh_token"])).status_code == 503
        assert (await world.log_out(pair["access_token"])).status_code == 503
    finally:
        await world.redis.config_set("min-replicas-to-write", 0)
    async with asyncio.timeout(10):
        # The failure is remembered for a second.
        while (await world.client.get("/readyz")).status_code != 200:  # noqa: ASYNC110 - no event
            await asyncio.sleep(0.05)
    pair_in(await world.refresh(pair["refresh_token"]))


@pytest.mark.parametrize("overrides", [{"DIALECTS": "json"}])
async def test_a_dialect_that_is_switched_off_is_not_served(world: World) -> None:
    for method, path in (("POST", TOKEN), ("DELETE", TOKEN), ("POST", LOG_OUT)):
        assert (await world.client.request(method, path)).status_code == 404
    assert (await world.client.get("/.well-known/jwks.json")).status_code == 200


async def test_wrong_passwords_at_once_are_no_more_than_one_by_one(world: World) -> None:
    await world.add_account()
    tries = [
        world.ask(grantType="Password", userName="alice", password="wrong") for _ in range(130)
    ]
    statuses = [answer.status_code for answer in await asyncio.gather(*tries)]
    assert statuses.count(401) <= 100
    assert statuses.count(429) + statuses.count(503) == 130 - statuses.count(401)
