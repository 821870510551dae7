"""Every golden transcript, replayed: requests as clients send them, answers byte for byte."""

from pathlib import Path

import pytest
from support import transcripts
from support.web_room import WebRoom, pair

pytestmark = pytest.mark.anyio

FOLDER = Path(__file__).parent / "transcripts"
GOLDEN = {
    str(file.relative_to(FOLDER)): transcripts.read(file.read_text("utf-8"))
    for file in sorted(FOLDER.rglob("*.http"))
}
DOCUMENTED = GOLDEN["form/documented-refresh.http"]


@pytest.fixture
def room() -> WebRoom:
    """One that also knows the documented refresh token, and the pair that it led to."""
    room = WebRoom()
    shown = DOCUMENTED.body.removeprefix("grantType=RefreshToken&refreshToken=")
    handed = DOCUMENTED.answer.member("access_token"), DOCUMENTED.answer.member("refresh_token")
    room.ledger.pairs[shown] = pair(*handed, subject="user")
    return room


@pytest.mark.parametrize("transcript", GOLDEN.values(), ids=GOLDEN.keys())
async def test_an_answer_is_the_golden_one(
    transcript: transcripts.Transcript, room: WebRoom
) -> None:
    """Status, headers and body, in this order and to the byte."""
    assert await transcript.replay(room.client) == transcript.answer


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
