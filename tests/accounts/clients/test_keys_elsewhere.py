"""A client whose keys lie at its jwks_uri proves itself by them, old and new."""

from pathlib import Path

import pytest
from redis.asyncio import Redis
from support.desk import Desk, by_assertion, open_desk, signed
from support.key_server import KeyServer, answered, key_server, key_set

from token_server.accounts.clients.jwks_uri import NO_SOONER_THAN
from token_server.tokens.refusals import ClientRefused

pytestmark = pytest.mark.anyio


async def desk_of(server: KeyServer, redis: Redis, folder: Path) -> Desk:
    toml = (
        '[[clients]]\nclient_id = "portal"\ntoken_endpoint_auth_method = "private_key_jwt"\n'
        f'jwks_uri = "{server.uri}"\n'
    )
    return await open_desk(redis, folder, toml=toml)


async def shows(desk: Desk, algorithm: str, key: str) -> bool:
    kid = {"portal": "portal-1", "mobile": "rsa"}[key]
    assertion = signed({"alg": algorithm, "kid": kid}, desk.claims(), key)
    try:
        return await desk.client(by_assertion(assertion)) is not None
    except ClientRefused:
        return False


async def test_a_key_that_is_new_there_is_found(redis: Redis, tmp_path: Path) -> None:
    async with key_server(answered(key_set("portal"))) as server:
        desk = await desk_of(server, redis, tmp_path)
        assert await shows(desk, "ES256", "portal")
        server.answer = answered(key_set("portal", "mobile"))
        assert not await shows(desk, "RS256", "mobile")
        desk.clock.now += NO_SOONER_THAN
        assert await shows(desk, "RS256", "mobile")
        assert await shows(desk, "ES256", "portal")
        assert len(server.requests) == 2


async def test_keys_that_cannot_be_had_refuse_and_what_is_malformed_fetches_nothing(
    redis: Redis, tmp_path: Path
) -> None:
    async with key_server(answered(b"", status="500 Oh")) as server:
        desk = await desk_of(server, redis, tmp_path)
        expired = signed({"alg": "ES256"}, desk.claims(exp=1), "portal")
        for assertion in ("x.y.z", expired):
            with pytest.raises(ClientRefused):
                await desk.client(by_assertion(assertion))
        assert server.requests == []
        assert not await shows(desk, "ES256", "portal")
        assert len(server.requests) == 1
