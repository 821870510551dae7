"""A trusted issuer's assertion starts a session, in the hands of the clients that may show it."""

from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis
from support.desk import FILE, ISSUER, LOGIN, TOKEN_PATH, Desk, open_desk, signed

from token_server.tokens.clients import Client
from token_server.tokens.model import Subject
from token_server.tokens.refusals import AssertionRefused
from token_server.tokens.services import Asserted

pytestmark = pytest.mark.anyio

HEADER = {"alg": "ES256", "kid": "login-1"}


def portal(desk: Desk) -> Client:
    found = desk.desk.registry.find("portal")
    assert found
    return found


async def asserted(
    desk: Desk,
    header: dict[str, Any] | None = None,
    key: str = "login",
    **more: Any,  # noqa: ANN401 - claims hold anything
) -> Asserted:
    claims = desk.claims(**{"iss": LOGIN, "sub": "alice"} | more)
    return await desk.desk.assertions(signed(header or HEADER, claims, key), client=portal(desk))


@pytest.mark.parametrize("kind", [None, "JWT", "authorization-grant+jwt"])
async def test_a_good_one_names_its_subject_and_the_most_it_may_lead_to(
    desk: Desk, kind: str | None
) -> None:
    header = HEADER | ({"typ": kind} if kind else {})
    assert await asserted(desk, header) == Asserted(subject=Subject("alice"), scope="profile")


REFUSED: list[dict[str, Any]] = [
    *[{"iss": bad} for bad in (None, "https://evil.example", "portal", 1, f"{LOGIN}/", [LOGIN])],
    *[{"sub": bad} for bad in (None, "", 1, " alice", "a\nb", "a" * 256, ["alice"])],
    *[{"aud": bad} for bad in (None, [ISSUER], "https://evil.example", f"{ISSUER}/", 1)],
    *[{"aud": ISSUER + path} for path in (TOKEN_PATH, "/api/oauth2/introspect")],
    *[{"jti": bad} for bad in (None, "", "j" * 257, 7)],
    *[{"exp": bad} for bad in (None, 0, "1", True)],
]


@pytest.mark.parametrize("more", REFUSED, ids=range(len(REFUSED)))
async def test_a_claim_that_is_missing_or_wrong_is_refused(
    desk: Desk, more: dict[str, Any]
) -> None:
    with pytest.raises(AssertionRefused) as refused:
        await asserted(desk, **more)
    assert refused.value.ids["client_id"] == "portal"


@pytest.mark.parametrize("seconds", [0, -1, 331, 3600])
async def test_exp_is_ahead_and_no_further_than_its_issuer_may(desk: Desk, seconds: int) -> None:
    with pytest.raises(AssertionRefused):
        await asserted(desk, exp=desk.clock().timestamp() + seconds)


@pytest.mark.parametrize(
    ("header", "key"),
    [
        (HEADER, "stranger"),
        ({"alg": "RS256"}, "mobile"),
        ({"alg": "ES256", "kid": "portal-1"}, "portal"),
        (HEADER | {"typ": "client-authentication+jwt"}, "login"),
        (HEADER | {"typ": "at+jwt"}, "login"),
        (HEADER | {"kid": "login-2"}, "login"),
    ],
    ids=range(6),
)
async def test_another_key_or_kind_is_refused(
    desk: Desk, header: dict[str, Any], key: str
) -> None:
    with pytest.raises(AssertionRefused):
        await asserted(desk, header, key)


async def test_it_is_good_once(desk: Desk) -> None:
    await asserted(desk, jti="once")
    with pytest.raises(AssertionRefused):
        await asserted(desk, jti="once")


async def test_a_client_that_may_not_show_it_is_refused(desk: Desk) -> None:
    mobile = desk.desk.registry.find("mobile")
    assert mobile
    claims = desk.claims(iss=LOGIN, sub="alice")
    with pytest.raises(AssertionRefused):
        await desk.desk.assertions(signed(HEADER, claims, "login"), client=mobile)


async def test_another_claim_may_name_the_subject_but_sub_is_there(
    redis: Redis, tmp_path: Path
) -> None:
    desk = await open_desk(redis, tmp_path, toml=f'{FILE}\nsubject_claim = "email"\n')
    assert (await asserted(desk, email="alice@a")).subject == "alice@a"
    for more in ({}, {"email": 1}, {"email": "a@b", "sub": None}):
        with pytest.raises(AssertionRefused):
            await asserted(desk, **more)
