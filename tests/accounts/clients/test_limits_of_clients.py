"""Limits of assertions and of fetched JWK Sets: what is just inside them is accepted."""

import asyncio
import socket

import pytest
from support.desk import Desk, by_assertion, signed
from support.key_server import answered, key_server, key_set

from token_server.accounts.clients.fetching import JwksFetcher
from token_server.accounts.clients.registered import JwksUri
from token_server.problems import Problem
from token_server.tokens.refusals import ClientRefused

pytestmark = pytest.mark.anyio
HEADER = {"alg": "ES256", "kid": "portal-1"}


async def test_an_assertion_has_a_jti_of_1_to_256_characters(desk: Desk) -> None:
    for jti in ("j", "j" * 256):
        assert await desk.client(by_assertion(signed(HEADER, desk.claims(jti=jti), "portal")))
    with pytest.raises(ClientRefused):
        await desk.client(by_assertion(signed(HEADER, desk.claims(jti="j" * 257), "portal")))


@pytest.mark.parametrize(("name", "seconds"), [("exp", 330), ("nbf", 30), ("iat", 30)])
async def test_an_assertion_is_read_with_the_leeway(desk: Desk, name: str, seconds: int) -> None:
    """Its issuer's clock may be ahead by it."""
    desk.clock.now = desk.clock.now.replace(microsecond=0)
    claims = desk.claims() | {name: int(desk.clock().timestamp()) + seconds}
    assert await desk.client(by_assertion(signed(HEADER, claims, "portal")))
    claims = desk.claims() | {name: int(desk.clock().timestamp()) + seconds + 1}
    with pytest.raises(ClientRefused):
        await desk.client(by_assertion(signed(HEADER, claims, "portal")))


async def test_a_jwk_set_has_at_most_262144_bytes() -> None:
    largest = key_set("portal").ljust(262_144)
    async with key_server(answered(largest)) as server:
        assert await JwksFetcher()(JwksUri(server.uri))
    # What is unpacked has no size that is known before.
    (request,) = server.requests
    assert "\r\nAccept-Encoding: identity\r\n" in request
    async with key_server(answered(largest + b" ")) as server:
        with pytest.raises(Problem, match="more than 262144 bytes"):
            await JwksFetcher()(JwksUri(server.uri))


@pytest.mark.parametrize(("dead", "is_fetched"), [(0, True), (3, True), (4, False)])
async def test_at_most_four_addresses_of_a_name_are_tried(
    dead: int, *, is_fetched: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """127.0.0.1 is the one that answers, after so many that do not."""
    addresses = [*(f"127.0.0.{2 + number}" for number in range(dead)), "127.0.0.1"]

    async def resolve(_host: str, port: int, **_: object) -> list[object]:
        family = (socket.AF_INET, socket.SOCK_STREAM, 6, "")
        return [(*family, (address, port)) for address in addresses]

    async with key_server(answered(key_set("portal"))) as server:
        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", resolve)
        if is_fetched:
            assert await JwksFetcher()(JwksUri(server.uri))
        else:
            with pytest.raises(Problem, match="ConnectError"):
                await JwksFetcher()(JwksUri(server.uri))
