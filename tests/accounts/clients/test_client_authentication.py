"""Each client proves itself by its own method, and nothing else is accepted."""

import asyncio
import base64
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis
from support.desk import (
    ASSERTION_TYPE,
    SECRETS,
    Desk,
    basic,
    by_assertion,
    open_desk,
    raw_basic,
    shown,
    signed,
)

from token_server.tokens.refusals import ClientRefused, RequestMalformed, StoreMemoryLost
from token_server.tokens.services import ShownCredentials

pytestmark = pytest.mark.anyio

HEADER = {"alg": "ES256", "kid": "portal-1"}


async def is_client(desk: Desk, credentials: ShownCredentials, client_id: str) -> bool:
    client = await desk.client(credentials)
    return client is not None and client.client_id == client_id


async def test_a_secret_in_the_header_is_good(desk: Desk) -> None:
    header = basic("billing", SECRETS["billing"])
    assert await is_client(desk, shown(header), "billing")
    assert await is_client(desk, shown(header, client_id="billing"), "billing")
    assert await is_client(desk, shown(header.replace("Basic ", "bAsIc  ")), "billing")


@pytest.mark.parametrize(
    "written",
    [b"tri%3Acky+%2B%25:%C3%A4+b%2Bc%25%3A%26", b"tri%3acky%20%2b%25:%c3%a4%20b%2Bc%25:&"],
)
async def test_id_and_secret_are_form_decoded_each(desk: Desk, written: bytes) -> None:
    assert await is_client(desk, shown(raw_basic(written)), "tri:cky +%")


@pytest.mark.parametrize("secret", ["old", "new"])
async def test_both_secrets_are_good_while_one_is_changed(desk: Desk, secret: str) -> None:
    assert await is_client(desk, shown(client_id="poster", client_secret=secret), "poster")


async def test_a_public_client_names_itself_and_who_names_nobody_is_nobody(desk: Desk) -> None:
    assert await is_client(desk, shown(client_id="phone-app"), "phone-app")
    assert await is_client(desk, shown("Bearer stale", client_id="phone-app"), "phone-app")
    assert await desk.client(shown()) is None
    assert await desk.client(shown("Bearer stale")) is None


@pytest.mark.parametrize(
    "header",
    [
        {"alg": "ES256"},
        {**HEADER, "typ": "JWT"},
        {**HEADER, "typ": "client-authentication+jwt"},
        {**HEADER, "x5t": "unknown members are ignored"},
    ],
    ids=range(4),
)
async def test_an_assertion_is_good(desk: Desk, header: dict[str, Any]) -> None:
    assertion = signed(header, desk.claims(), "portal")
    called = "/api/oauth2/introspect"
    members = {"client_assertion_type": ASSERTION_TYPE, "client_assertion": assertion}
    assert await is_client(desk, shown(endpoint=called, **members), "portal")


@pytest.mark.parametrize(
    ("key", "algorithm"),
    [("mobile", alg) for alg in ("RS256", "RS384", "RS512", "PS256")] + [("ed", "EdDSA")],
)
async def test_every_algorithm_that_fits_the_key_is_good(
    desk: Desk, key: str, algorithm: str
) -> None:
    assertion = signed({"alg": algorithm}, desk.claims("mobile"), key)
    assert await is_client(desk, by_assertion(assertion, client_id="mobile"), "mobile")


async def test_five_minutes_are_not_too_far_away_nor_a_jti_of_256_characters_too_long(
    desk: Desk,
) -> None:
    claims = desk.claims(exp=int(desk.clock().timestamp()) + 300, jti="j" * 256)
    assert await is_client(desk, by_assertion(signed(HEADER, claims, "portal")), "portal")


async def test_of_many_at_once_an_assertion_is_good_for_one(
    desk: Desk, redis: Redis, tmp_path: Path
) -> None:
    other = await open_desk(redis, tmp_path)
    credentials = by_assertion(signed(HEADER, desk.claims(), "portal"))
    answers = await asyncio.gather(
        *(each.client(credentials) for each in [desk, other] * 10), return_exceptions=True
    )
    refused = [each for each in answers if isinstance(each, ClientRefused)]
    assert len(answers) - len(refused) == 1
    assert {each.ids["because"] for each in refused} == {"its jti was used before"}


async def test_a_jti_is_remembered_for_as_long_as_its_assertion_could_be_good(
    desk: Desk, redis: Redis
) -> None:
    await desk.client(by_assertion(signed(HEADER, desk.claims(), "portal")))
    (key,) = [key async for key in redis.scan_iter("token-server:used:*")]
    assert 300 < await redis.ttl(key) <= 330


async def test_a_refused_assertion_spends_no_jti(desk: Desk, redis: Redis) -> None:
    with pytest.raises(ClientRefused):
        await desk.client(by_assertion(signed(HEADER, desk.claims(), "stranger")))
    assert [key async for key in redis.scan_iter("token-server:used:*")] == []


async def test_a_store_that_lost_its_memory_vouches_for_no_jti(desk: Desk, redis: Redis) -> None:
    await redis.flushall()
    with pytest.raises(StoreMemoryLost):
        await desk.client(by_assertion(signed(HEADER, desk.claims(), "portal")))


async def test_the_audit_log_is_told_of_clients_that_are_there_only(desk: Desk) -> None:
    assertion = signed(HEADER, desk.claims(exp=1), "portal")
    for credentials, told in (
        (shown(client_id="poster", client_secret="wrong"), "poster"),
        (shown(client_id="s3cr3t by mistake", client_secret="wrong"), None),
        (shown(basic("billing", "wrong")), "billing"),
        (shown(basic("s3cr3t", "wrong")), None),
        (shown(client_id="billing"), "billing"),
        (by_assertion(assertion), "portal"),
    ):
        with pytest.raises(ClientRefused) as refused:
            await desk.client(credentials)
        assert refused.value.ids.get("client_id") == told


async def test_no_repr_shows_what_was_shown() -> None:
    credentials = by_assertion("s3cr3t", client_secret="s3cr3t")
    assert "s3cr3t" not in repr(credentials)


def hostile_basic() -> list[ShownCredentials]:
    good = base64.b64encode(b"billing:s3cr3t").decode()
    return [
        shown(header)
        for header in (
            *("Basic", "Basic ", f"Basic {good}=", f"Basic {good[:-1]}", f"Basic\t{good}"),
            *(f"Basic {good} x", f"Basic {good[:4]} {good[4:]}", f"Basic {good},", "Basic ä"),
            *(f"Basic {good[:-1]}\n", f"Basic ={good}", f"Basic:{good}", f"Basic \x00{good}"),
            *("Basic YmlsbGluZzpzM2NyM3R=", "Basic YmlsbGluZzpzM2NyM3", f"Basic {good}{good}"),
            raw_basic(b"billing"),
            raw_basic(b"billing:"),
            raw_basic(b":s3cr3t"),
            raw_basic(b":"),
            raw_basic(b"billing:s3cr3t\x00"),
            raw_basic(b"billing\x00:s3cr3t"),
            raw_basic(b"billing: s3cr3t"),
            raw_basic(b"billing:s3cr3t\n"),
            raw_basic(b"Billing:s3cr3t"),
            raw_basic(b"billing:\xff\xfe"),
            raw_basic(b"billing%FF:s3cr3t"),
            raw_basic(b"billing:%C3"),
            raw_basic("billing:s3cr3t".encode("utf-16")),
            raw_basic(b"billing%3As3cr3t"),
            raw_basic(b"tri:cky +%:\xc3\xa4 b+c%:&"),
            raw_basic(b"nobody:s3cr3t"),
            raw_basic(b"phone-app:"),
            raw_basic(b"portal:s3cr3t"),
            raw_basic(b"poster:old"),
            raw_basic(b"billing:" + b"s" * 100_000),
        )
    ]


def hostile_forms() -> list[ShownCredentials]:
    good = basic("billing", "s3cr3t")
    return [
        # two methods at once
        shown(good, good),
        shown(good, "Bearer x"),
        shown("Bearer x", good),
        shown(good, client_secret="s3cr3t"),
        shown(good, client_id="billing", client_secret="S3cr3t"),
        shown(good, client_id="billing", client_secret=""),
        shown(good, client_id="Billing", client_secret="s3cr3t"),
        shown(good, client_id="either", client_secret="s3cr3t"),
        shown(basic("billing", "wrong"), client_id="billing", client_secret="s3cr3t"),
        shown(basic("billing", "wrong"), client_id="billing", client_secret="wrong"),
        shown(basic("either", "wrong"), client_id="either", client_secret="wrong"),
        shown(good, client_assertion="x", client_assertion_type=ASSERTION_TYPE),
        shown(good, client_assertion_type=ASSERTION_TYPE),
        by_assertion("x", client_id="poster", client_secret="old"),
        # another client than the credentials are of
        shown(good, client_id="poster"),
        shown(good, client_id="phone-app"),
        shown(good, client_id="Billing"),
        # another method than its own
        shown(client_id="billing"),
        shown(client_id="billing", client_secret="s3cr3t"),
        shown(client_id="poster"),
        shown(client_id="portal"),
        shown(client_id="phone-app", client_secret=""),
        shown(client_id="phone-app", client_secret="x"),
    ]


def hostile_posts() -> list[ShownCredentials]:
    return [
        # nobody, or the wrong secret
        shown(client_id="nobody"),
        shown(client_id=""),
        shown(client_id="\udcff"),
        shown(client_id="poster", client_secret=""),
        shown(client_id="poster", client_secret="Old"),
        shown(client_id="poster", client_secret="old "),
        shown(client_id="poster", client_secret="\udcff"),
        shown(client_secret="old"),
        # assertions that are none
        by_assertion(""),
        by_assertion("."),
        by_assertion(".."),
        by_assertion("a.b.c"),
        by_assertion("ä.ö.ü"),
        by_assertion("A" * 100_000),
        shown(client_assertion="a.b.c"),
        shown(client_assertion_type=ASSERTION_TYPE, client_id="portal"),
    ]


HOSTILE = [*hostile_basic(), *hostile_forms(), *hostile_posts()]


@pytest.mark.parametrize("credentials", HOSTILE, ids=range(len(HOSTILE)))
async def test_hostile_credentials_are_refused(desk: Desk, credentials: ShownCredentials) -> None:
    with pytest.raises((ClientRefused, RequestMalformed)):
        await desk.client(credentials)
