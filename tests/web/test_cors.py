"""Browsers of other origins: only those the operator names, only on the paths they need."""

import httpx
import pytest
from support.web_room import WebRoom

pytestmark = pytest.mark.anyio

OURS, FOREIGN = "https://app.example", "https://evil.example"
REFRESH = "/v1/auth/refresh-token"
OPEN = {
    REFRESH: "GET",
    "/v1/auth/login": "POST",
    "/auth-service/v1/refresh": "POST",
    "/auth-service/v1/login": "POST",
    "/api/oauth2/token": "POST",
    "/api/oauth2/logout": "POST",
    "/api/oauth2/revoke": "POST",
}


@pytest.fixture
def room() -> WebRoom:
    return WebRoom(cors_origins=("https://other.example", OURS))


async def preflight(
    room: WebRoom, path: str, method: str, *, origin: str = OURS, header: str = "content-type"
) -> httpx.Response:
    headers = {
        "Origin": origin,
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": header,
    }
    return await room.client.options(path, headers=headers)


def opened(answer: httpx.Response) -> dict[str, str]:
    return {
        name: value
        for name, value in answer.headers.items()
        if name.startswith("access-control-allow-")
    }


@pytest.mark.parametrize(("path", "method"), OPEN.items(), ids=OPEN)
@pytest.mark.parametrize("header", ["content-type", "x-refresh-token", "authorization"])
async def test_a_named_origin_may_ask(path: str, method: str, header: str, room: WebRoom) -> None:
    answer = await preflight(room, path, method, header=header)
    assert answer.status_code == 200
    allowed = opened(answer)
    assert allowed["access-control-allow-origin"] == OURS
    assert method in allowed["access-control-allow-methods"].split(", ")
    assert header in allowed["access-control-allow-headers"].lower().split(", ")
    assert "access-control-allow-credentials" not in allowed
    assert "Origin" in answer.headers["vary"]


@pytest.mark.parametrize(
    "origin",
    [FOREIGN, "null", "http://app.example", f"{OURS}:8443", f"{OURS}.evil.example", "HTTPS://APP"],
)
async def test_no_other_origin_may_ask(origin: str, room: WebRoom) -> None:
    """Exactly those: not another scheme, port or subdomain, and no opaque one."""
    refused = await preflight(room, REFRESH, "GET", origin=origin)
    assert refused.status_code == 400
    assert "access-control-allow-origin" not in refused.headers
    answer = await room.client.get(REFRESH, headers={"Origin": origin})
    assert "access-control-allow-origin" not in answer.headers
    assert answer.headers["vary"] == "Origin"


@pytest.mark.parametrize(
    "origin",
    [
        "capacitor://localhost",
        "ionic://localhost",
        "app://Bundle.id",
        "chrome-extension://aapbdbdomjkkjkaonfhkkikfgjllcleb",
        "moz-extension://2c127fa4-62c7-7e4f-90e5-472b45eecfdc",
    ],
)
async def test_the_origin_of_an_app_or_an_extension_is_compared_byte_for_byte(origin: str) -> None:
    room = WebRoom(cors_origins=(origin,))
    allowed = await preflight(room, REFRESH, "GET", origin=origin)
    assert allowed.headers["access-control-allow-origin"] == origin
    for other in (origin.upper(), f"{origin}/", f"{origin}:1", origin[:-1], f"{origin}x"):
        assert opened(await preflight(room, REFRESH, "GET", origin=other)).keys() <= {
            "access-control-allow-methods",
            "access-control-allow-headers",
        }


async def test_a_method_that_the_path_does_not_serve_is_not_allowed(room: WebRoom) -> None:
    assert (await preflight(room, REFRESH, "POST")).status_code == 400
    assert (await preflight(room, "/api/oauth2/logout", "DELETE")).status_code == 400
    assert (await preflight(room, "/api/oauth2/token", "DELETE")).status_code == 200


async def test_an_answer_may_be_read_refusals_included(room: WebRoom) -> None:
    for token, status in (("refresh.alice.1", 200), ("forged", 401), ("while-we-fail", 500)):
        headers = {"Origin": OURS, "x-refresh-token": token}
        answer = await room.client.get(REFRESH, headers=headers)
        assert answer.status_code == status
        assert answer.headers["access-control-allow-origin"] == OURS
        assert answer.headers["access-control-expose-headers"] == "Retry-After, WWW-Authenticate"
        assert answer.headers["vary"] == "Origin"
    wrong = await room.client.put(REFRESH, headers={"Origin": OURS})
    assert (wrong.status_code, wrong.headers["access-control-allow-origin"]) == (405, OURS)


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/api/oauth2/introspect", "/nowhere"])
async def test_paths_that_browsers_need_not_ask_stay_closed(path: str, room: WebRoom) -> None:
    answer = await preflight(room, path, "GET")
    assert answer.status_code in {404, 405}
    assert opened(answer) == {}
    assert opened(await room.client.get(path, headers={"Origin": OURS})) == {}


async def test_without_an_origin_nothing_is_opened(room: WebRoom) -> None:
    answer = await room.client.get(REFRESH)
    assert opened(answer) == {}
    assert answer.headers["vary"] == "Origin"


async def test_where_none_is_named_none_may_ask() -> None:
    room = WebRoom()
    answer = await preflight(room, REFRESH, "GET")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET")
    told = await room.client.get(REFRESH, headers={"Origin": OURS})
    assert "vary" not in told.headers
    assert opened(told) == {}


async def test_a_doubled_slash_is_the_same_path(room: WebRoom) -> None:
    url = room.client.base_url.copy_with(raw_path=b"//v1/auth/refresh-token/")
    answer = await room.client.get(url, headers={"Origin": OURS})
    assert answer.headers["access-control-allow-origin"] == OURS
