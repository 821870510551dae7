"""Dialects that know no clients refuse a registered client's session, and leave it as it is."""

from pathlib import Path

import pytest
from support.worlds import NAME, PASSWORD, World, pair_in

pytestmark = pytest.mark.anyio

CLIENTS = """\
[[clients]]
client_id = "phone-app"
token_endpoint_auth_method = "none"
grant_types = ["refresh_token", "password"]
"""


@pytest.fixture
def overrides(tmp_path: Path) -> dict[str, str]:
    file = tmp_path / "clients.toml"
    file.write_text(CLIENTS)
    return {"CLIENTS_FILE": str(file), "ANONYMOUS_GRANTS": "password,refresh"}


async def test_a_clients_session_is_its_clients_alone(world: World) -> None:
    await world.add_account()
    client = {"client_id": "phone-app"}
    first = pair_in(
        await world.ask(grant_type="password", username=NAME, password=PASSWORD, **client)
    )
    token = first["refresh_token"]
    refused = [
        await world.client.post("/auth-service/v1/refresh", json={"refresh_token": token}),
        await world.client.get("/v1/auth/refresh-token", headers={"x-refresh-token": token}),
        await world.refresh(token),
        await world.ask(grant_type="refresh_token", refresh_token=token),
    ]
    assert [answer.status_code for answer in refused] == [401, 401, 401, 400]
    told = [answer.json() for answer in refused]
    assert told[0]["message"] == "Unauthenticated."
    assert [told[1]["title"], told[2]["errorCode"], told[3]["error"]] == [
        *("Invalid token", "InvalidToken", "invalid_grant"),
    ]
    own = await world.ask(grant_type="refresh_token", refresh_token=token, **client)
    assert pair_in(own)["refresh_token"] != token


async def test_a_session_of_nobody_is_refreshed_in_every_dialect(world: World) -> None:
    """Also where clients are registered."""
    token = (await world.log_in())["refresh_token"]
    by_json = await world.client.post("/auth-service/v1/refresh", json={"refresh_token": token})
    token = by_json.json()["auth"]["refresh_token"]
    by_header = await world.client.get(
        "/v1/auth/refresh-token", headers={"x-refresh-token": token}
    )
    token = by_header.json()["data"]["tokens"]["refreshToken"]
    pair_in(await world.ask(grant_type="refresh_token", refresh_token=token))
