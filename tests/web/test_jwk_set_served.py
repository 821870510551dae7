"""The JWK Set as caches and verifiers ask for it."""

import pytest
from support.web_room import WebRoom

pytestmark = pytest.mark.anyio

PATH = "/.well-known/jwks.json"


async def test_head_tells_what_get_would() -> None:
    client = WebRoom().client
    get, head = await client.get(PATH), await client.head(PATH)
    assert head.content == b""
    assert head.headers == get.headers


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    "condition",
    ['"v1"', 'W/"v1"', "*", ' "v0" , "v1"', '"v0",W/"v1","v2"', '"a,b", "v1"', '"","v1"'],
)
async def test_who_has_this_version_is_told_so(method: str, condition: str) -> None:
    """RFC 9110 §13.1.2; compared weakly, because caches on the way weaken."""
    answer = await WebRoom().client.request(method, PATH, headers={"If-None-Match": condition})
    assert answer.status_code == 304
    assert answer.content == b""
    assert answer.headers["etag"] == '"v1"'
    assert answer.headers["cache-control"] == "public, max-age=299"


async def test_a_condition_may_come_in_several_headers() -> None:
    headers = [("If-None-Match", '"v0"'), ("If-None-Match", '"v1"')]
    answer = await WebRoom().client.get(PATH, headers=headers)
    assert answer.status_code == 304


@pytest.mark.parametrize(
    "condition", ['"v0"', "v1", '"v1', '"v10"', '"V1"', "", "**", '"a"v1"b"', 'w/"v2"']
)
async def test_who_has_another_version_gets_this_one(condition: str) -> None:
    answer = await WebRoom().client.get(PATH, headers={"If-None-Match": condition})
    assert answer.status_code == 200
    assert answer.json() == {"keys": []}


@pytest.mark.parametrize("condition", ['"v0"', '"v1"'])
async def test_who_has_this_version_now_is_noted(condition: str) -> None:
    """Also who had it before: the set is good for another while."""
    room = WebRoom()
    headers = {"User-Agent": "verifier/1", "If-None-Match": condition}
    await room.client.get(PATH, headers=headers)
    assert room.verifiers.seen == [("127.0.0.1", "verifier/1", "k2")]


async def test_who_only_asks_for_the_head_has_nothing() -> None:
    room = WebRoom()
    await room.client.head(PATH)
    assert room.verifiers.seen == []
