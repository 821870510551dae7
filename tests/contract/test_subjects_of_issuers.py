"""A trusted issuer names neither an account of this server nor a client of it."""

import hashlib
import uuid
from pathlib import Path
from typing import Any

import httpx
import pytest
from joserfc import jwt
from support.desk import KEYS, jwk
from support.operators import parts
from support.worlds import TOKEN, World, pair_in

from token_server.tokens.clients import Grant
from token_server.tokens.model import Subject

pytestmark = pytest.mark.anyio

ISSUER = "http://127.0.0.1:8080"
CLIENTS = f"""
[[clients]]
client_id = "portal"
token_endpoint_auth_method = "client_secret_basic"
client_secret_sha256 = ["{hashlib.sha256(b"secret").hexdigest()}"]
grant_types = ["{Grant.JWT_BEARER}", "refresh_token"]

[[clients]]
client_id = "rs"
token_endpoint_auth_method = "none"

[[trusted_issuers]]
issuer = "https://login.example"
signing_algs = ["ES256"]
clients = ["portal"]
jwks = {{ keys = [{jwk("login")}] }}

[[trusted_issuers]]
issuer = "https://partner.example"
subject_prefix = "partner:"
signing_algs = ["ES256"]
clients = ["portal"]
jwks = {{ keys = [{jwk("portal")}] }}
"""


@pytest.fixture
def overrides(tmp_path: Path) -> dict[str, str]:
    path = tmp_path / "clients.toml"
    path.write_text(CLIENTS)
    return {"CLIENTS_FILE": str(path)}


async def hand_over(world: World, subject: str, issuer: str = "login") -> httpx.Response:
    now = int(world.clock().timestamp())
    claims: dict[str, Any] = {
        "iss": f"https://{issuer}.example",
        "sub": subject,
        "aud": ISSUER,
        "exp": now + 60,
        "jti": str(uuid.uuid4()),
    }
    key = KEYS["login" if issuer == "login" else "portal"]
    assertion = jwt.encode({"alg": "ES256"}, claims, key)
    form = {"grant_type": Grant.JWT_BEARER, "assertion": assertion}
    return await world.client.post(TOKEN, data=form, auth=httpx.BasicAuth("portal", "secret"))


def refused(answer: httpx.Response) -> bool:
    if answer.status_code == 200:
        return False
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")
    return True


@pytest.mark.parametrize("how", ["enabled", "disabled", "removed"])
async def test_the_name_of_a_local_account_is_not_handed_over(world: World, how: str) -> None:
    await world.add_account()
    if how != "enabled":
        await getattr(world.accounts, how.removesuffix("d"))(Subject("alice"))
    assert refused(await hand_over(world, "alice"))
    assert not refused(await hand_over(world, "bob"))
    begun = pair_in(await hand_over(world, "alice", "partner"))
    assert parts(begun["access_token"])[1]["sub"] == "partner:alice"


async def test_a_client_is_not_handed_over_as_a_subject(world: World) -> None:
    for client_id in ("portal", "rs"):
        assert refused(await hand_over(world, client_id))
        assert not refused(await hand_over(world, client_id, "partner"))


async def test_another_spelling_of_an_account_or_a_client_is_not_handed_over(
    world: World,
) -> None:
    """RFC 8265: full width, and composed or not, is no difference."""
    await world.add_account()
    await world.add_account("caf\u00e9")
    for subject in ("\uff41lice", "cafe\u0301", "\uff50ortal", "r\uff53"):
        assert refused(await hand_over(world, subject))
    assert not refused(await hand_over(world, "Alice"))


async def test_a_prefix_is_part_of_the_name(world: World) -> None:
    await world.add_account("partner:alice")
    assert refused(await hand_over(world, "alice", "partner"))
    assert refused(await hand_over(world, "a" * 250, "partner"))
    assert refused(await hand_over(world, " alice", "partner"))
    assert not refused(await hand_over(world, "a" * 250))


async def test_ending_all_sessions_of_a_foreign_subject_does_not_bar_its_name(
    world: World,
) -> None:
    assert not refused(await hand_over(world, "carol"))
    await world.redis.hincrby("{carol}:subject", "ends", 1)
    assert not refused(await hand_over(world, "carol"))
