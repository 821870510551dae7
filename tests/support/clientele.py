"""A whole server with registered clients, and what they ask of it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from support.forms import PATH, tokens
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
        assertion = self.registered.assertion(subject=subject)
        return tokens(self.asked(client_id, grant_type=JWT_BEARER, assertion=assertion, **members))


@contextmanager
def running_clientele(folder: Path) -> Iterator[Clientele]:
    port = free_port()
    registered = Registered(f"http://127.0.0.1:{port}")
    (folder / "clients.toml").write_text(registered.toml)
    settings = {"ISSUER": registered.issuer, "PORT": str(port), "CLIENTS_FILE": "clients.toml"}
    with running_server(folder, **settings) as running:
        yield Clientele(running, registered)
