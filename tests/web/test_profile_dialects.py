"""The JSON and the request-header dialect: what they share, beside their golden transcripts."""

import httpx
import pytest
from starlette.types import Receive, Scope, Send
from structlog.testing import capture_logs
from support.ledger import ISSUED_AT
from support.web_room import WebRoom

from token_server.tokens.model import Subject
from token_server.tokens.profiles import Profile
from token_server.tokens.refusals import StoreUnavailable
from token_server.web.dialects.json_body import RANK, USER, user_of
from token_server.web.dialects.profile_document import identity_of
from token_server.web.dialects.request_header import claims
from token_server.web.repeats import MOST_REFUSALS
from token_server.web.wire import IS_GONE

pytestmark = pytest.mark.anyio

REFRESH = {
    "json": ("POST", "/auth-service/v1/refresh"),
    "header": ("GET", "/v1/auth/refresh-token"),
}
LOG_IN = {"json": "/auth-service/v1/login", "header": "/v1/auth/login"}
CANARY = "c4n4ry"
CREDENTIALS = {"email": "alice", "password": "correct horse"}
both = pytest.mark.parametrize("dialect", ["json", "header"])


@pytest.fixture
def room() -> WebRoom:
    return WebRoom()


async def refresh(room: WebRoom, dialect: str, token: str) -> int:
    method, path = REFRESH[dialect]
    if dialect == "json":
        answer = await room.client.request(method, path, json={"refresh_token": token})
    else:
        answer = await room.client.request(method, path, headers={"x-refresh-token": token})
    return answer.status_code


@both
async def test_a_dialect_that_is_switched_off_is_not_there(dialect: str) -> None:
    room = WebRoom(dialects=tuple({"form", "json", "header"} - {dialect}))
    assert await refresh(room, dialect, "refresh.alice.1") == 404
    assert (await room.client.post(LOG_IN[dialect], json=CREDENTIALS)).status_code == 404
    other = {"json": "header", "header": "json"}[dialect]
    assert await refresh(room, other, "refresh.alice.1") == 200


@both
async def test_the_form_dialect_may_be_off_and_these_on(dialect: str) -> None:
    room = WebRoom(dialects=(dialect,))
    assert await refresh(room, dialect, "refresh.alice.1") == 200
    assert (await room.token("grantType=RefreshToken&refreshToken=x")).status_code == 404


@both
async def test_how_a_session_keeps_its_refresh_token_is_told_at_log_in(
    dialect: str, room: WebRoom
) -> None:
    """By the dialect of the log-in; this room keeps those of the header dialect."""
    answer = await room.client.post(LOG_IN[dialect], json=CREDENTIALS)
    assert answer.status_code == 200
    assert room.ledger.reusable is (dialect == "header")


@both
async def test_a_refusal_is_told_to_the_operator_once(dialect: str, room: WebRoom) -> None:
    await refresh(room, dialect, "forged")
    [fact] = room.facts
    assert (fact["reason"], fact["dialect"]) == ("token_forged", dialect)
    assert "spelling" not in fact


@both
async def test_the_facts_of_the_rules_say_how_the_server_was_spoken_to(
    dialect: str, room: WebRoom
) -> None:
    await refresh(room, dialect, "refresh.alice.1")
    assert room.ledger.contexts == [{"dialect": dialect, "peer": "127.0.0.1"}]


@both
async def test_a_tight_loop_of_a_dead_token_is_stopped_across_dialects(
    dialect: str, room: WebRoom
) -> None:
    for _ in range(MOST_REFUSALS):
        await refresh(room, "json", "ended")
    assert await refresh(room, dialect, "ended") == 429


@both
async def test_a_fault_of_ours_is_told_in_the_words_of_the_path(
    dialect: str, room: WebRoom
) -> None:
    with capture_logs() as logs:
        assert await refresh(room, dialect, "while-we-fail") == 500
    assert [log["error"] for log in logs] == ["RuntimeError"]


@both
async def test_a_profile_that_cannot_be_read_is_an_outage(dialect: str, room: WebRoom) -> None:
    room.profiles.fault = StoreUnavailable()
    assert await refresh(room, dialect, "refresh.alice.1") == 503
    assert await refresh(room, dialect, "refresh.alice.1") == 503


@both
async def test_a_profile_is_looked_up_once(dialect: str, room: WebRoom) -> None:
    await refresh(room, dialect, "refresh.alice.1")
    assert room.profiles.asked == ["alice"]


@both
async def test_nothing_that_was_sent_is_repeated_in_answers_or_logs(
    dialect: str, room: WebRoom
) -> None:
    """RFC 9700 §4.2, §4.14: a token, a password, or a name that may be one."""
    method, path = REFRESH[dialect]
    ask = room.client.request
    with capture_logs() as logs:
        answers = [
            await ask(method, path, headers={"x-refresh-token": CANARY}),
            await ask(method, path, headers={"x-refresh-token": "x", "x-c4n4ry": CANARY}),
            await ask(method, path, json={"refresh_token": CANARY, "refreshToken": CANARY}),
            await ask(method, path, json={CANARY: CANARY}),
            await ask(method, path, content=CANARY),
            await ask(method, f"{path}?{CANARY}={CANARY}"),
            await ask("PUT", path, content=CANARY),
            await ask("POST", LOG_IN[dialect], json={"email": CANARY, "password": CANARY}),
            await ask("POST", LOG_IN[dialect], json={"email": [CANARY], "password": CANARY}),
        ]
    assert all(answer.status_code in {400, 401, 405, 422} for answer in answers)
    told = "".join(answer.text + str(answer.headers) for answer in answers)
    assert CANARY not in told + room.audit_lines.getvalue() + str(logs)


@both
async def test_who_has_hung_up_is_not_served(dialect: str, room: WebRoom) -> None:
    """It may have asked again on another connection: only the one that is waited for counts."""

    async def hung_up(scope: Scope, receive: Receive, send: Send) -> None:
        await room.app({**scope, IS_GONE: lambda: True}, receive, send)

    room.client = httpx.AsyncClient(
        transport=httpx.ASGITransport(hung_up), base_url="http://server"
    )
    await refresh(room, dialect, "refresh.alice.1")
    assert room.ledger.refreshed == []


async def test_access_tokens_of_the_header_dialect_say_who_it_is(room: WebRoom) -> None:
    room.profiles.documents["alice"] = {"email": "a@b.example", "id": "671f5b3e", "phone": "1"}
    await refresh(room, "header", "refresh.alice.1")
    await refresh(room, "json", "refresh.alice.1")
    assert room.ledger.claims == [{"id": "671f5b3e", "email": "a@b.example"}, {}]


async def test_who_asks_a_refresh_with_head_is_refused(room: WebRoom) -> None:
    """It would spend the token and keep the answer."""
    headers = {"x-refresh-token": "refresh.alice.1"}
    answer = await room.client.head("/v1/auth/refresh-token", headers=headers)
    assert answer.status_code == 405
    assert room.ledger.refreshed == []


async def test_a_get_without_a_body_may_name_any_media_type(room: WebRoom) -> None:
    headers = {"x-refresh-token": "refresh.alice.1", "Content-Type": "text/plain"}
    answer = await room.client.get("/v1/auth/refresh-token", headers=headers)
    assert answer.status_code == 200


ALICE = Profile(
    subject=Subject("alice@example.org"),
    created_at=ISSUED_AT,
    updated_at=ISSUED_AT,
    password_updated_at=None,
)


def told_of(document: dict[str, object]) -> dict[str, object]:
    return user_of(Profile(subject=Subject("alice"), document=document))


def test_what_was_given_stands_null_included() -> None:
    given: dict[str, object] = {"id": None, "name": 7, "blocked": "later", "email": ["a", "b"]}
    told = told_of(given)
    assert {name: told[name] for name in given} == given


def test_what_is_not_documented_comes_last() -> None:
    told = told_of({"zodiac": "virgo", "rank": {"stars": 5, "level": 2}})
    assert list(told) == [*USER, "zodiac"]
    rank = told["rank"]
    assert isinstance(rank, dict)
    assert list(rank) == [*RANK, "stars"]
    assert rank["level"] == 2


@pytest.mark.parametrize("rank", [None, "gold", 3, []])
def test_a_rank_of_another_kind_stands_as_given(rank: object) -> None:
    assert told_of({"rank": rank})["rank"] == rank


def test_a_name_that_is_an_address_is_the_email() -> None:
    assert identity_of(ALICE)["email"] == "alice@example.org"
    assert user_of(ALICE)["created_at"] == "2022-11-01T13:13:43.782615Z"
    assert user_of(ALICE)["password_updated_at"] is None


def test_an_id_of_ours_is_always_the_same_and_another_for_everybody() -> None:
    """Within what JavaScript holds exactly; a subject keeps it as long as it has its name."""
    ids = {identity_of(Profile(subject=Subject(f"user {n}")))["id"] for n in range(1000)}
    assert len(ids) == 1000
    assert all(isinstance(each, int) and 0 < each < 2**53 for each in ids)
    assert identity_of(Profile(subject=Subject("alice")))["id"] == 5792662975978954


def test_what_nobody_knows_is_no_claim() -> None:
    assert list(claims(Profile(subject=Subject("alice")))) == ["id"]
