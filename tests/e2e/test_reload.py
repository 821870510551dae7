"""A running server follows its keys directory: all its workers, without a restart."""

import hashlib
import json
import re
import signal
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import httpx
from support.processes import wait_until
from support.server import Server

JWK_SET = "/.well-known/jwks.json"
# Enough fresh connections to meet both workers.
ASKED = 20


def published_by_all(server: Server) -> set[str]:
    """The kids that every worker publishes."""
    with fresh_connections() as client:
        answers = [client.get(server.url + JWK_SET).json() for _ in range(ASKED)]
    return set.intersection(*({key["kid"] for key in answer["keys"]} for answer in answers))


def fresh_connections() -> httpx.Client:
    return httpx.Client(limits=httpx.Limits(max_keepalive_connections=0))


def test_on_sighup_all_workers_follow_the_keyset_and_a_broken_one_breaks_nothing(
    own_server: Callable[..., AbstractContextManager[Server]],
) -> None:
    with own_server() as server:
        assert server.process is not None
        workers = server.pids("process.worker")
        token = server.pair("alice").refresh_token
        rows = json.loads(server.cli("keys", "list", "--json"))
        (pending,) = (row["kid"] for row in rows if row["state"] == "pending")

        told = server.cli("keys", "revoke", pending)
        server.process.send_signal(signal.SIGHUP)
        announced = re.search(r"announced: (\S+)", told)
        assert announced
        wait_until(lambda: announced[1] in published_by_all(server), seconds=4)
        assert pending not in published_by_all(server)

        path = server.folder / "keys" / "keyset.json"
        good = path.read_bytes()
        path.write_bytes(good[:-100])
        server.process.send_signal(signal.SIGHUP)
        wait_until(lambda: server.err.count("the keyset cannot be followed") == len(workers))
        assert httpx.get(f"{server.url}/readyz").status_code == 200
        refreshed = httpx.post(
            f"{server.url}/api/oauth2/token",
            data={"grantType": "RefreshToken", "refreshToken": token},
        )
        assert refreshed.status_code == 200
        path.write_bytes(good)
        server.process.send_signal(signal.SIGHUP)
        wait_until(lambda: server.err.count("the keyset is good again") == len(workers))
        assert server.pids("process.worker") == workers


def registering(client_id: str) -> str:
    method, secret = "client_secret_post", hashlib.sha256(b"secret").hexdigest()
    return (
        f'[[clients]]\nclient_id = "{client_id}"\ntoken_endpoint_auth_method = "{method}"\n'
        f'client_secret_sha256 = ["{secret}"]\ngrant_types = ["client_credentials"]\n'
    )


def status_for(server: Server, client_id: str) -> set[int]:
    """What all workers answer a client."""
    form = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": "secret"}
    url = f"{server.url}/api/oauth2/token"
    with fresh_connections() as client:
        return {client.post(url, data=form).status_code for _ in range(ASKED)}


def test_all_workers_follow_the_clients_file_and_a_broken_one_breaks_nothing(
    own_server: Callable[..., AbstractContextManager[Server]], tmp_path: Path
) -> None:
    path = tmp_path / "clients.toml"
    path.write_text(registering("first"))
    with own_server(CLIENTS_FILE=str(path)) as server:
        assert server.process is not None
        assert status_for(server, "first") == {200}
        assert status_for(server, "second") == {401}

        path.write_text(registering("second"))
        wait_until(lambda: server.err.count("the clients file was read anew") == 2)
        assert status_for(server, "second") == {200}
        assert status_for(server, "first") == {401}

        path.write_text("[[clients]]")
        server.process.send_signal(signal.SIGHUP)
        wait_until(lambda: server.err.count("the clients file cannot be followed") == 2)
        assert status_for(server, "second") == {200}
