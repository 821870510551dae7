"""TLS from two files; whoever dawdles there holds up nobody."""

import asyncio
import signal
import socket
import ssl
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import httpx
import pytest
import uvloop
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
)
from starlette.applications import Starlette
from support.launched import launched

from token_server.problems import Problem
from token_server.process.http_server import HttpServer
from token_server.process.tls import tls_of
from token_server.settings import Settings, load_settings
from token_server.web.hardened import Hardened

TlsFiles = Callable[..., dict[str, str]]


@pytest.fixture
def tls_files(tmp_path: Path) -> TlsFiles:
    """Settings that name a certificate of 127.0.0.1 and its key."""

    def make(encryption: KeySerializationEncryption | None = None) -> dict[str, str]:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "token-server")])
        now = datetime.now(UTC)
        here = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
        certificate = (
            x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + timedelta(hours=1))
            .add_extension(here, critical=False)
            .sign(key, hashes.SHA256())
        )
        (tmp_path / "cert.pem").write_bytes(certificate.public_bytes(Encoding.PEM))
        (tmp_path / "key.pem").write_bytes(
            key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption or NoEncryption())
        )
        return {
            "TLS_CERT_FILE": str(tmp_path / "cert.pem"),
            "TLS_KEY_FILE": str(tmp_path / "key.pem"),
        }

    return make


def settings_of(files: dict[str, str]) -> Settings:
    return load_settings({f"TOKEN_SERVER_{name}": value for name, value in files.items()})


def test_it_is_served_and_an_idle_client_does_not_hold_up_the_end(
    tmp_path: Path, tls_files: TlsFiles
) -> None:
    """A client that pools its connection does not answer the server's farewell."""
    files = tls_files()
    trust = ssl.create_default_context(cafile=files["TLS_CERT_FILE"])
    with (
        launched(tmp_path, {"WORKERS": "1", **files}, drain_seconds=1000) as server,
        httpx.Client(base_url=server.url, verify=trust) as client,
    ):
        assert server.url.startswith("https://")
        assert client.get("/pid").text == str(server.workers()[0])
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(10) == 0


def test_nothing_older_than_1_2_is_spoken(tls_files: TlsFiles) -> None:
    context = tls_of(settings_of(tls_files()))
    assert context is not None
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2


def test_a_key_with_a_passphrase_is_a_problem_and_nobody_is_asked_for_it(
    tls_files: TlsFiles,
) -> None:
    with pytest.raises(Problem, match="the TLS files cannot be used"):
        tls_of(settings_of(tls_files(BestAvailableEncryption(b"passphrase"))))


def test_a_handshake_may_take_no_longer_than_a_request(
    tls_files: TlsFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Hardened, "RECEIVE_SECONDS", 0.2)

    async def dawdle() -> bytes:
        listener = socket.create_server(("127.0.0.1", 0))
        server = HttpServer(
            Starlette(),
            tls=tls_of(settings_of(tls_files())),
            drain_seconds=1,
            on_listening=lambda: None,
        )
        address = listener.getsockname()
        await server.startup([listener])
        try:
            with socket.create_connection(address, timeout=10) as client:
                return await asyncio.to_thread(client.recv, 1)
        finally:
            server.servers[0].close()

    assert uvloop.run(dawdle()) == b""
