"""A whole server with registered clients, and what they ask of it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from support.forms import PATH, tokens
from support.hostile_tokens import Forge
from support.processes import free_port
from support.registered import JWT_BEARER, METHODS, Registered
from support.server import Server, running_server


@dataclass(frozen=True)
class Clientele:
    server: Server
    registered: Registered

    @property
    def url(self) -> str:
        """Also the issuer."""
        return self.server.url

    def asked(self, client_id: str, **members: str) -> httpx.Response:
        """The token endpoint, by this client with its own credentials."""
        headers: dict[str, str] = {}
        match METHODS.get(client_id):
            case None:
                headers = self.registered.basic(client_id)
            case "client_secret_post":
                secret = self.registered.secrets[client_id]
                members |= {"client_id": client_id, "client_secret": secret}
            case "private_key_jwt":
                members |= self.registered.client_assertion(client_id)
            case _:
                members |= {"client_id": client_id}
        return httpx.post(self.url + PATH, data=members, headers=headers)

    def handed_over(
        self, client_id: str, subject: str = "alice", **members: str
    ) -> dict[str, Any]:
        """The first pair of a session that another login system vouches for."""
        assertion = self.registered.assertion(sub=subject)
        return tokens(self.asked(client_id, grant_type=JWT_BEARER, assertion=assertion, **members))

    def signed_by_a_thief(self, token: str, **claims: object) -> str:
        """The same token with other claims, by the key that the server itself signs with."""
        active, *_ = json.loads((self.server.folder / "keys" / "keyset.json").read_text())["keys"]
        kid = active["kid"]
        pem = (self.server.folder / "keys" / f"{kid}.pem").read_bytes()
        key = load_pem_private_key(pem, None)
        assert isinstance(key, RSAPrivateKey)
        forge = Forge(key=key, genuine=token, other_kid=kid)
        return forge.loaded(json.dumps(json.loads(forge.payload) | claims))


@contextmanager
def running_clientele(folder: Path) -> Iterator[Clientele]:
    port = free_port()
    registered = Registered(
        f"http://127.0.0.1:{port}", mcp_server=f"http://127.0.0.1:{free_port()}/mcp"
    )
    clients_file = folder / "clients.toml"
    clients_file.write_text(registered.toml)
    settings = {
        "ISSUER": registered.issuer,
        "PORT": str(port),
        "CLIENTS_FILE": str(clients_file),
    }
    with running_server(folder, **settings) as running:
        yield Clientele(running, registered)
