"""Somebody's server on this machine that publishes a JWK Set, or whatever else it is told to."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from support.desk import KEYS


def key_set(*names: str, private: bool = False) -> bytes:
    return json.dumps({"keys": [KEYS[name].as_dict(private=private) for name in names]}).encode()


def answered(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    head = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers]
    return "\r\n".join([*head, "", ""]).encode() + body


@dataclass
class KeyServer:
    answer: bytes
    port: int = 0
    scheme: str = "http"
    requests: list[str] = field(default_factory=list)
    may_answer: asyncio.Event = field(default_factory=asyncio.Event)
    serving: list[asyncio.Future[None]] = field(default_factory=list)
    asked: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def uri(self) -> str:
        return f"{self.scheme}://localhost:{self.port}/jwks?of=portal"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.serving.append(asyncio.ensure_future(self._answer(reader, writer)))

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            try:
                self.requests.append((await reader.readuntil(b"\r\n\r\n")).decode())
                self.asked.set()
                await self.may_answer.wait()
                writer.write(self.answer)
                await writer.drain()
            finally:
                writer.close()
                await writer.wait_closed()


@asynccontextmanager
async def key_server(
    answer: bytes, *, tls: ssl.SSLContext | None = None
) -> AsyncIterator[KeyServer]:
    there = KeyServer(answer, scheme="https" if tls else "http")
    there.may_answer.set()
    server = await asyncio.start_server(there.serve, "127.0.0.1", 0, ssl=tls)
    there.port = server.sockets[0].getsockname()[1]
    try:
        yield there
    finally:
        there.may_answer.set()
        server.close()
        await asyncio.gather(*there.serving)
        # Whoever gave up waiting has closed its end, which takes some turns of the loop.
        for _ in range(5):
            await asyncio.sleep(0)


def tls_for(name: str, folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's side with a certificate for this name, and the side of those who trust it."""
    key = ec.generate_private_key(ec.SECP256R1())
    who = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(who, who, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    file = folder / "server.pem"
    file.write_bytes(
        certificate.public_bytes(Encoding.PEM)
        + key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )
    theirs = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    theirs.load_cert_chain(file)
    return theirs, ssl.create_default_context(cadata=certificate.public_bytes(Encoding.DER))
