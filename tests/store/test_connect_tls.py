"""A store behind TLS: its certificate is always verified."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from redis.exceptions import ConnectionError as NotConnected

from token_server.store.connect import connect

pytestmark = pytest.mark.anyio


@dataclass(frozen=True)
class Gate:
    """Where TLS ends, in front of the store."""

    port: int
    certificate: Path
    key: Path


def self_signed(folder: Path) -> tuple[Path, Path]:
    """A certificate of `localhost` that vouches for itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, SHA256())
    )
    (folder / "certificate.pem").write_bytes(certificate.public_bytes(Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )
    return folder / "certificate.pem", folder / "key.pem"


async def pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
    writer.close()


@asynccontextmanager
async def gate_of(
    folder: Path, store_socket: Path, *, asks: ssl.VerifyMode = ssl.CERT_NONE
) -> AsyncIterator[Gate]:
    certificate, key = self_signed(folder)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=certificate)
    context.verify_mode = asks
    context.load_cert_chain(certificate, key)

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answers, questions = await asyncio.open_unix_connection(store_socket)
        await asyncio.gather(pipe(reader, questions), pipe(answers, writer))

    async with await asyncio.start_server(carry, "127.0.0.1", 0, ssl=context) as server:
        port = server.sockets[0].getsockname()[1]
        yield Gate(port=port, certificate=certificate, key=key)


@pytest.fixture
async def gate(tmp_path: Path, store_socket: Path) -> AsyncIterator[Gate]:
    async with gate_of(tmp_path, store_socket) as gate:
        yield gate


async def test_a_certificate_of_a_given_authority_is_accepted(gate: Gate) -> None:
    client = connect(f"rediss://localhost:{gate.port}?ssl_ca_certs={gate.certificate}")
    assert await client.ping()
    await client.aclose()


@pytest.mark.parametrize(
    ("host", "trusted", "because"),
    [
        ("localhost", "", "self-signed certificate"),
        ("127.0.0.1", "?ssl_ca_certs={}", "IP address mismatch"),
        ("localhost", "?ssl_ca_certs={}.none", "No such file"),
    ],
)
async def test_any_other_is_refused(gate: Gate, host: str, trusted: str, because: str) -> None:
    client = connect(f"rediss://{host}:{gate.port}{trusted.format(gate.certificate)}")
    with pytest.raises(NotConnected, match=because):
        await client.ping()
    await client.aclose()


async def test_a_store_that_asks_for_a_certificate_is_shown_ours(
    tmp_path: Path, store_socket: Path
) -> None:
    async with gate_of(tmp_path, store_socket, asks=ssl.CERT_REQUIRED) as gate:
        trusting = f"rediss://localhost:{gate.port}?ssl_ca_certs={gate.certificate}"
        client = connect(f"{trusting}&ssl_certfile={gate.certificate}&ssl_keyfile={gate.key}")
        assert await client.ping()
        await client.aclose()
        client = connect(trusting)
        with pytest.raises(NotConnected):
            await client.ping()
        await client.aclose()
