"""Every golden transcript, replayed: requests as clients send them, answers byte for byte."""

import json
from pathlib import Path

import pytest
from support import transcripts
from support.client_desk import BILLING, PHONE, READER, ClientDesk
from support.ledger import pair
from support.web_room import WebRoom

pytestmark = pytest.mark.anyio

FOLDER, EXAMPLES = Path(__file__).parent / "transcripts", Path(__file__).parent / "documented"
GOLDEN = {
    str(file.relative_to(FOLDER)): transcripts.read(file.read_text("utf-8"))
    for file in sorted(FOLDER.rglob("*.http"))
}
DOCUMENTED = GOLDEN["form/documented-refresh.http"]
JSON, HEADER = (
    json.loads((EXAMPLES / name).read_text("utf-8")) for name in ("json.json", "header.json")
)
"""The answers that the documentation of these dialects shows."""


def room_with(clients: ClientDesk | None) -> WebRoom:
    """One that also knows the documented refresh tokens, and what they led to."""
    room = WebRoom(clients=clients or ClientDesk())
    shown = DOCUMENTED.body.removeprefix("grantType=RefreshToken&refreshToken=")
    handed = DOCUMENTED.answer.member("access_token"), DOCUMENTED.answer.member("refresh_token")
    room.ledger.pairs[shown] = pair(*handed, subject="user")
    for access_token, refresh_token in (
        (JSON["auth"]["access_token"], JSON["auth"]["refresh_token"]),
        HEADER["data"]["tokens"].values(),
    ):
        room.ledger.pairs[refresh_token] = pair(access_token, refresh_token, subject="user")
    room.profiles.documents["user"] = JSON["user"]
    return room


@pytest.mark.parametrize("name", GOLDEN)
async def test_an_answer_is_the_golden_one(name: str) -> None:
    """Status, headers and body, in this order and to the byte."""
    registered = name.startswith("clients/")
    clients = ClientDesk([BILLING, READER, PHONE], is_there=True) if registered else None
    transcript = GOLDEN[name]
    assert await transcript.replay(room_with(clients).client) == transcript.answer


def test_the_documented_answer_holds_the_documented_members_first() -> None:
    """Names, order and types; the documented seventh digit is finer than our clock."""
    members = DOCUMENTED.answer.members
    assert list(members)[:4] == [
        "access_token",
        "refresh_token",
        "accessTokenExpiresAt",
        "refreshTokenExpiresAt",
    ]
    assert members["accessTokenExpiresAt"] == "2022-11-01T13:43:43.7826150Z"


@pytest.mark.parametrize(
    ("name", "documented"), [("json", JSON), ("header", HEADER)], ids=["json", "header"]
)
def test_a_documented_answer_is_reproduced_but_for_its_moments(
    name: str, documented: dict[str, object]
) -> None:
    """Names, order, types and values: the fixture gives what the documentation shows."""
    answered = GOLDEN[f"{name}/documented-refresh.http"].answer.body
    if name == "json":
        # The documented lifetime is an hour, that of this test half of it.
        answered = answered.replace('"expires_in":1800', '"expires_in":3600')
    assert answered == json.dumps(documented, separators=(",", ":"))


def test_a_profile_that_nobody_gave_has_all_documented_members_too() -> None:
    """What can be known is filled in, of the documented type; null where nothing was."""
    documented = JSON["user"]
    user = json.loads(GOLDEN["json/refresh.http"].answer.body)["user"]
    assert list(user) == list(documented)
    assert list(user["rank"]) == list(documented["rank"])
    filled = {name for name, value in user.items() if value is not None}
    assert filled == {
        *("id", "uuid", "name", "email", "blocked", "rank"),
        *("password_updated_at", "created_at", "updated_at"),
    }
    for name in filled - {"password_updated_at"}:
        assert type(user[name]) is type(documented[name])
    assert (user["rank"]["images"], user["rank"]["options"]) == ([], [])


@pytest.mark.parametrize("name", ["beside-a-bearer", "beside-a-body", "beside-a-form"])
def test_the_header_decides_whatever_comes_beside_it(name: str) -> None:
    assert GOLDEN[f"header/refresh-{name}.http"].answer == GOLDEN["header/refresh.http"].answer


def test_the_vendors_own_client_is_answered_like_the_documented_one() -> None:
    """Its empty members count as absent, `longLivedRefreshToken=False` as nothing asked."""
    vendor = GOLDEN["form/vendor-client-refresh.http"]
    assert vendor.answer == DOCUMENTED.answer
    token = DOCUMENTED.body.removeprefix("grantType=RefreshToken&refreshToken=")
    assert vendor.body == (
        "grantType=RefreshToken&userName=&password=&refreshToken="
        f"{token}&updaterToken=&longLivedRefreshToken=False"
    )


@pytest.mark.parametrize("name", GOLDEN)
def test_no_answer_but_the_jwk_set_may_be_stored(name: str) -> None:
    """RFC 6749 §5.1, refusals included."""
    headers = dict(GOLDEN[name].answer.headers)
    if not name.startswith("jwk-set"):
        assert headers["cache-control"] == "no-store"
        assert headers["pragma"] == "no-cache"
