"""Grants without a registered client: each is refused in its dialect's shape where it is off."""

from collections.abc import Awaitable, Callable

import httpx
import jsonschema_rs
import pytest
import schemathesis
from support.client_desk import BILLING, PHONE, ClientDesk, basic
from support.web_room import WebRoom

from token_server.web.routes import EVERY_ANONYMOUS_GRANT

pytestmark = pytest.mark.anyio

Ask = Callable[[WebRoom], Awaitable[httpx.Response]]
LOG_IN = {"email": "alice", "password": "correct horse"}
ASKED: dict[str, list[tuple[Ask, int, dict[str, object]]]] = {
    "form:password": [
        (
            lambda room: room.token("grantType=Password&userName=alice&password=correct+horse"),
            400,
            {"error": "unauthorized_client", "errorCode": "AccessDenied"},
        ),
        (
            lambda room: room.token("userName=alice&password=correct+horse"),
            400,
            {"error": "unauthorized_client", "errorCode": "AccessDenied"},
        ),
        (
            lambda room: room.token("grant_type=password&username=alice&password=correct+horse"),
            400,
            {"error": "unauthorized_client"},
        ),
    ],
    "form:refresh": [
        (
            lambda room: room.token("grantType=RefreshToken&refreshToken=refresh.alice.1"),
            400,
            {"error": "unauthorized_client", "errorCode": "AccessDenied"},
        ),
        (
            lambda room: room.token("grant_type=refresh_token&refresh_token=refresh.alice.1"),
            400,
            {"error": "unauthorized_client"},
        ),
    ],
    "json:password": [
        (
            lambda room: room.client.post("/auth-service/v1/login", json=LOG_IN),
            403,
            {"message": "This is not allowed without a registered client."},
        )
    ],
    "json:refresh": [
        (
            lambda room: room.client.post(
                "/auth-service/v1/refresh", json={"refresh_token": "refresh.alice.1"}
            ),
            403,
            {"message": "This is not allowed without a registered client."},
        )
    ],
    "header:password": [
        (
            lambda room: room.client.post("/v1/auth/login", json=LOG_IN),
            403,
            {"title": "Forbidden", "code": "forbidden", "status": 403},
        )
    ],
    "header:refresh": [
        (
            lambda room: room.client.get(
                "/v1/auth/refresh-token", headers={"x-refresh-token": "refresh.alice.1"}
            ),
            403,
            {"title": "Forbidden", "code": "forbidden", "status": 403},
        )
    ],
}


def room_with(*grants: str, with_clients: bool = True) -> WebRoom:
    desk = ClientDesk([BILLING, PHONE], is_there=True) if with_clients else ClientDesk()
    return WebRoom(clients=desk, anonymous=grants)


@pytest.mark.parametrize("off", ASKED)
async def test_a_grant_that_is_off_is_refused_in_its_dialect_and_all_others_are_served(
    off: str,
) -> None:
    room = room_with(*[name for name in EVERY_ANONYMOUS_GRANT if name != off])
    for name, cases in ASKED.items():
        for ask, status, members in cases:
            answer = await ask(room)
            if name != off:
                assert answer.status_code == 200, (name, answer.text)
                continue
            assert answer.status_code == status
            assert members.items() <= answer.json().items()
            assert answer.headers["cache-control"] == "no-store"
            assert room.facts[-1]["reason"] == "grant_not_allowed"


async def test_a_registered_client_logs_in_and_refreshes_where_all_are_off() -> None:
    room = room_with()
    for body in (
        "grant_type=password&username=alice&password=correct+horse",
        "grant_type=refresh_token&refresh_token=refresh.alice.1",
    ):
        assert (await room.token(body, **basic("billing"))).status_code == 200
    for cases in ASKED.values():
        for ask, status, _ in cases:
            assert (await ask(room)).status_code == status


@pytest.mark.parametrize("with_clients", [True, False])
@pytest.mark.parametrize("grants", [(), ("form:refresh",), ("form:password", "json:refresh")])
async def test_the_metadata_lists_the_grants_that_are_on(
    grants: tuple[str, ...], *, with_clients: bool
) -> None:
    room = room_with(*grants, with_clients=with_clients)
    told = (await room.client.get("/.well-known/oauth-authorization-server")).json()
    listed = set(told.get("grant_types_supported", []))
    mine = {
        name
        for name, setting in {"refresh_token": "form:refresh", "password": "form:password"}.items()
        if setting in grants
    }
    assert listed == (set(BILLING.grants) if with_clients else mine)
    methods = told.get("token_endpoint_auth_methods_supported", [])
    assert ("none" in methods) == (with_clients or bool(grants))


@pytest.mark.parametrize("with_clients", [True, False])
@pytest.mark.parametrize(
    "grants",
    [(), ("form:refresh",), ("json:refresh", "header:password"), EVERY_ANONYMOUS_GRANT],
)
async def test_the_description_lists_the_grants_that_are_on(
    grants: tuple[str, ...], *, with_clients: bool
) -> None:
    room = room_with(*grants, with_clients=with_clients)
    described = (await room.client.get("/openapi.json")).json()
    schemathesis.openapi.from_dict(described).validate()
    paths = {
        "json:password": "/auth-service/v1/login",
        "json:refresh": "/auth-service/v1/refresh",
        "header:password": "/v1/auth/login",
        "header:refresh": "/v1/auth/refresh-token",
    }
    for name, path in paths.items():
        assert (path in described["paths"]) == (name in grants)
    operation = described["paths"]["/api/oauth2/token"]["post"]
    body = operation["requestBody"]["content"]["application/x-www-form-urlencoded"]["schema"]
    taken = jsonschema_rs.validator_for(body | {"components": described["components"]})
    camel = {"grantType": "Password", "userName": "a", "password": "b"}
    assert taken.is_valid(camel) == ("form:password" in grants)
    camel = {"grantType": "RefreshToken", "refreshToken": "a"}
    assert taken.is_valid(camel) == ("form:refresh" in grants)
    standard = {"grant_type": "password", "username": "a", "password": "b"}
    assert taken.is_valid(standard) == (with_clients or "form:password" in grants)
