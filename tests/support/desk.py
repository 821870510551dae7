"""Registered clients on a real store, with the keys and secrets that belong to them."""

import base64
import hashlib
import json
import uuid
import warnings
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from joserfc import jws
from joserfc.errors import SecurityWarning
from joserfc.jwk import ECKey, OKPKey, RSAKey
from redis.asyncio import Redis

from support.moments import MovableClock
from token_server.accounts.clients.desk import ClientDesk
from token_server.accounts.clients.file import read_clients
from token_server.accounts.clients.live import LiveClients
from token_server.accounts.clients.registered import Registered
from token_server.accounts.clients.secret_guesses import SecretGuesses
from token_server.problems import Problem
from token_server.settings import Settings
from token_server.store.accounts import Accounts
from token_server.store.attempts import Attempts
from token_server.store.engine import Engine
from token_server.store.known_networks import StoredKnownNetworks
from token_server.store.memory import StoreMemory, load_secret
from token_server.store.single_use import UsedOnce
from token_server.tokens.clients import Client
from token_server.tokens.services import ShownCredentials

ISSUER = "https://tokens.example"
TOKEN_PATH = "/api/oauth2/token"
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
LOGIN = "https://login.example"
DEFAULTS = Settings().policy()
SECRETS = {"billing": "s3cr3t", "poster": "old", "either": "s3cr3t", "tri:cky +%": "ä b+c%:&"}
KEYS: dict[str, RSAKey | ECKey | OKPKey] = {
    "portal": ECKey.generate_key("P-256", {"kid": "portal-1"}),
    "stranger": ECKey.generate_key("P-256", {"kid": "portal-1"}),
    "login": ECKey.generate_key("P-256", {"kid": "login-1"}),
    "mobile": RSAKey.generate_key(2048, {"kid": "rsa"}),
    "ed": OKPKey.generate_key("Ed25519", {"kid": "ed"}),
}


def sha256(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def jwk(name: str, **more: str) -> str:
    """As an inline table of TOML."""
    members = KEYS[name].as_dict(private=False) | more
    return (
        "{" + ", ".join(f"{name} = {json.dumps(value)}" for name, value in members.items()) + "}"
    )


FILE = f"""
[[clients]]
client_id = "billing"
token_endpoint_auth_method = "client_secret_basic"
client_secret_sha256 = ["{sha256(SECRETS["billing"])}"]

[[clients]]
client_id = "tri:cky +%"
token_endpoint_auth_method = "client_secret_basic"
client_secret_sha256 = ["{sha256(SECRETS["tri:cky +%"])}"]

[[clients]]
client_id = "poster"
token_endpoint_auth_method = "client_secret_post"
client_secret_sha256 = ["{sha256("old")}", "{sha256("new")}"]

[[clients]]
client_id = "either"
token_endpoint_auth_method = ["client_secret_basic", "client_secret_post"]
client_secret_sha256 = ["{sha256(SECRETS["either"])}"]

[[clients]]
client_id = "portal"
token_endpoint_auth_method = "private_key_jwt"
token_endpoint_auth_signing_alg = "ES256"
jwks = {{ keys = [{jwk("portal")}] }}
grant_types = ["urn:ietf:params:oauth:grant-type:jwt-bearer"]

[[clients]]
client_id = "mobile"
token_endpoint_auth_method = "private_key_jwt"
assertion_audience = "endpoints"
max_assertion_lifetime = "1h"
jwks = {{ keys = [{jwk("mobile")}, {jwk("ed")}] }}

[[clients]]
client_id = "phone-app"
token_endpoint_auth_method = "none"

[[trusted_issuers]]
issuer = "{LOGIN}"
signing_algs = ["ES256"]
clients = ["portal"]
scope = "profile"
jwks = {{ keys = [{jwk("login")}] }}
"""


def read(toml: str) -> Registered:
    return read_clients(toml.encode(), DEFAULTS, file=Path("clients.toml"))


def faults(toml: str) -> list[str]:
    """What is wrong with a file, a line each, without the file's name."""
    try:
        read(toml)
    except Problem as problem:
        lines = [line.strip() for line in problem.text.splitlines()]
        return [line.removeprefix("clients.toml:") for line in lines if "mistakes in" not in line]
    return []


def signed(header: dict[str, Any], claims: dict[str, Any] | str, key: str) -> str:
    """A compact JWS with this header, whatever is in it."""
    payload = claims if isinstance(claims, str) else json.dumps(claims)
    registry = jws.JWSRegistry(algorithms=[header["alg"]], strict_check_header=False)
    with warnings.catch_warnings():
        # RFC 9864 calls EdDSA otherwise.
        warnings.simplefilter("ignore", SecurityWarning)
        return jws.serialize_compact(header, payload, KEYS[key], registry=registry)


def basic(client_id: str, secret: str) -> str:
    """As RFC 6749 §2.3.1 has it, where nothing needs to be encoded."""
    return raw_basic(f"{client_id}:{secret}".encode())


def raw_basic(credentials: bytes) -> str:
    return f"Basic {base64.b64encode(credentials).decode()}"


def shown(
    *authorization: str, endpoint: str = TOKEN_PATH, peer: str = "192.0.2.1", **members: str
) -> ShownCredentials:
    given: dict[str, str | None] = dict.fromkeys(
        ("client_id", "client_secret", "client_assertion", "client_assertion_type")
    )
    return ShownCredentials(
        authorization=authorization, endpoint=endpoint, peer=peer, **{**given, **members}
    )


@dataclass
class Desk:
    """One server's."""

    desk: ClientDesk
    clock: MovableClock = field(default_factory=MovableClock)

    async def client(self, credentials: ShownCredentials) -> Client | None:
        return await self.desk.authentication(credentials, now=self.clock())

    def claims(self, client_id: str = "portal", **more: object) -> dict[str, Any]:
        """Of a good assertion; None takes one out."""
        claims = {
            "iss": client_id,
            "sub": client_id,
            "aud": ISSUER,
            "exp": int(self.clock().timestamp()) + 300,
            "jti": str(uuid.uuid4()),
        } | more
        return {name: value for name, value in claims.items() if value is not None}


def by_assertion(assertion: str, **more: str) -> ShownCredentials:
    members = {"client_assertion_type": ASSERTION_TYPE, "client_assertion": assertion} | more
    return shown(**members)


async def open_desk(redis: Redis, folder: Path, *, toml: str = FILE) -> Desk:
    path = folder / "clients.toml"
    path.write_text(toml, "utf-8")
    clock = MovableClock()
    engine = Engine(redis, waits_for_fsync=False)
    memory = StoreMemory(engine, await load_secret(engine))
    desk = ClientDesk.open(
        LiveClients(path, DEFAULTS),
        issuer=ISSUER,
        token_endpoint=ISSUER + TOKEN_PATH,
        single_use=UsedOnce(engine, memory),
        guesses=SecretGuesses(
            Attempts(engine, burst=3, interval=timedelta(minutes=1)),
            known_networks=StoredKnownNetworks(engine, kind="client"),
        ),
        accounts=Accounts(engine, keep=timedelta(days=14)),
        clock=clock,
    )
    return Desk(desk, clock)
