"""Every dialect behind an nginx that is configured as docs/settings.md says."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from support.forms import log_in, log_out, refresh, tokens
from support.processes import free_port, wait_until
from support.server import Server

NGINX = shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")
DOCS = Path(__file__).parents[2] / "docs" / "settings.md"

# The server fixture trusts 127.0.0.2.
CONFIGURATION = """
daemon off;
worker_processes 1;
error_log stderr;
pid {folder}/nginx.pid;
events {{ }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    upstream token_server {{ server 127.0.0.1:{upstream}; keepalive 4; }}
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://token_server;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_bind 127.0.0.2;
            {documented}
        }}
    }}
}}
"""

pytestmark = pytest.mark.skipif(NGINX is None, reason="nginx is not installed")


def documented_directives() -> str:
    (found,) = re.findall(r"In nginx, `(proxy_set_header [^`]*)`", DOCS.read_text())
    return str(found)


@pytest.fixture(scope="module")
def proxied(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of an nginx in front of the server."""
    assert NGINX
    folder, port = tmp_path_factory.mktemp("nginx"), free_port()
    file = folder / "nginx.conf"
    file.write_text(
        CONFIGURATION.format(
            folder=folder, port=port, upstream=server.port, documented=documented_directives()
        )
    )
    process = subprocess.Popen([NGINX, "-p", folder, "-c", file], stderr=subprocess.PIPE)
    url = f"http://127.0.0.1:{port}"
    try:
        wait_until(lambda: process.poll() is not None or _answers(url))
        assert process.poll() is None, process.stderr
        yield url
    finally:
        process.terminate()
        process.communicate()


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/livez").status_code == 200
    except httpx.TransportError:
        return False


@pytest.fixture
def client(proxied: str) -> Iterator[httpx.Client]:
    """A client of another address than the proxy's, which says that it has yet another one."""
    transport = httpx.HTTPTransport(local_address="127.0.0.7")
    spoofed = {"X-Forwarded-For": "198.51.100.9", "Forwarded": "for=198.51.100.9"}
    with httpx.Client(base_url=proxied, transport=transport, headers=spoofed) as client:
        yield client


def peers_of(server: Server, subject: str) -> set[str]:
    return {
        each["peer"] for each in server.audit() if each.get("sub") == subject and "peer" in each
    }


def test_the_form_dialect_works_and_the_client_keeps_its_address(
    server: Server, client: httpx.Client
) -> None:
    password = server.user("behind-nginx")
    first = tokens(log_in(client, "behind-nginx", password))
    second = refresh(client, first["refresh_token"])
    assert refresh(client, first["refresh_token"]).content == second.content
    standard = {"grant_type": "refresh_token", "refresh_token": tokens(second)["refresh_token"]}
    third = tokens(client.post("/api/oauth2/token", data=standard))
    assert log_out(client, third["access_token"]).status_code == 204
    assert refresh(client, third["refresh_token"]).status_code == 401
    assert peers_of(server, "behind-nginx") == {"127.0.0.7"}


def test_the_json_dialect_works(server: Server, client: httpx.Client) -> None:
    token = server.pair("json behind nginx").refresh_token
    answer = client.post("/auth-service/v1/refresh", json={"refresh_token": token})
    assert answer.status_code == 200
    assert answer.json()["auth"]["refresh_token"] != token
    assert peers_of(server, "json behind nginx") == {"127.0.0.7"}


def test_the_request_header_dialect_works(server: Server, client: httpx.Client) -> None:
    token = server.issued("header behind nginx", "--reusable")["refresh_token"]
    answer = client.get("/v1/auth/refresh-token", headers={"x-refresh-token": token})
    assert answer.status_code == 200
    assert answer.json()["data"]["tokens"]["refreshToken"] == token
    assert peers_of(server, "header behind nginx") == {"127.0.0.7"}


@pytest.mark.parametrize(
    "path", ["/.well-known/jwks.json", "/.well-known/oauth-authorization-server", "/readyz"]
)
def test_public_documents_are_the_same_as_without_a_proxy(
    server: Server, client: httpx.Client, path: str
) -> None:
    direct, proxied = httpx.get(server.url + path), client.get(path)
    assert (proxied.status_code, proxied.content) == (direct.status_code, direct.content)
