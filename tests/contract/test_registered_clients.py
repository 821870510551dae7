"""Registered clients of a running app: what holds from the clients file to the store and back."""

import hashlib
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from support.operators import Operator, parts
from support.worlds import PASSWORD, TOKEN, World, pair_in

from token_server.tokens.model import Subject

pytestmark = pytest.mark.anyio

SECRET = "correct horse"
CLIENTS = f"""
[[clients]]
client_id = "portal"
token_endpoint_auth_method = "client_secret_basic"
client_secret_sha256 = ["{hashlib.sha256(SECRET.encode()).hexdigest()}"]
grant_types = ["password", "refresh_token", "client_credentials"]
scope = "profile invoices:read"
audiences = ["https://invoices.example"]
access_token_format = "at+jwt"
refresh_token_lifetime = "300d"
introspect = "any"
"""
AS_PORTAL = httpx.BasicAuth("portal", "correct+horse")


@pytest.fixture
def overrides(tmp_path: Path) -> dict[str, str]:
    path = tmp_path / "clients.toml"
    path.write_text(CLIENTS)
    return {"CLIENTS_FILE": str(path)}


async def ask(world: World, path: str = TOKEN, **form: str) -> httpx.Response:
    return await world.client.post(path, data=form, auth=AS_PORTAL)


async def log_in(world: World) -> dict[str, Any]:
    await world.add_account()
    return pair_in(await ask(world, grant_type="password", username="alice", password=PASSWORD))


async def is_active(world: World, token: str) -> bool:
    answer = await ask(world, "/api/oauth2/introspect", token=token)
    assert answer.status_code == 200
    assert (answer.json() == {"active": False}) == (not answer.json()["active"])
    return bool(answer.json()["active"])


async def test_log_in_refresh_look_revoke(world: World) -> None:
    first = await log_in(world)
    second = pair_in(
        await ask(world, grant_type="refresh_token", refresh_token=first["refresh_token"])
    )
    header, claims = parts(second["access_token"])
    assert (header["typ"], claims["aud"]) == ("at+jwt", "https://invoices.example")
    assert (claims["client_id"], claims["scope"]) == ("portal", "profile invoices:read")
    told = parts(second["refresh_token"])[1]
    assert told["exp"] - told["iat"] == timedelta(days=300).total_seconds()
    assert await is_active(world, second["access_token"])
    assert await is_active(world, second["refresh_token"])
    assert not await is_active(world, first["refresh_token"])
    gone = await ask(world, "/api/oauth2/revoke", token=second["access_token"])
    assert gone.status_code == 200
    assert not await is_active(world, second["access_token"])
    assert await is_active(world, second["refresh_token"])
    await ask(world, "/api/oauth2/revoke", token=second["refresh_token"])
    assert not await is_active(world, second["refresh_token"])


@pytest.mark.parametrize("how", ["disable", "remove"])
async def test_the_tokens_of_an_account_that_is_disabled_or_gone_are_inactive(
    world: World, how: str
) -> None:
    pair = await log_in(world)
    assert await is_active(world, pair["access_token"])
    await getattr(world.accounts, how)(Subject("alice"))
    assert not await is_active(world, pair["access_token"])
    assert not await is_active(world, pair["refresh_token"])


async def test_log_out_takes_an_access_token_of_rfc_9068_too(world: World) -> None:
    pair = await log_in(world)
    assert (await world.log_out(pair["access_token"])).status_code == 204
    assert not await is_active(world, pair["access_token"])


async def test_a_clients_own_token_ends_no_session(world: World) -> None:
    answer = await ask(world, grant_type="client_credentials")
    token = answer.json()["access_token"]
    assert await is_active(world, token)
    assert (await world.log_out(token)).status_code == 401


async def test_a_key_of_which_nothing_is_recorded_stays_as_long_as_a_clients_token_may_live(
    world: World, keys: Operator
) -> None:
    first = keys.active
    world.clock.move(hours=1)
    await keys.rotate()
    # The next change makes the server look at its keys anew.
    world.clock.move(days=200)
    await keys.rotate()
    assert first in await published(world)
    world.clock.move(days=101)
    await keys.rotate()
    assert first not in await published(world)


async def published(world: World) -> list[str]:
    answer = await world.client.get("/.well-known/jwks.json")
    return [key["kid"] for key in answer.json()["keys"]]
