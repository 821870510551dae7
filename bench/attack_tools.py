"""What attacks on a server are made of: connections, made-up tokens, a server that is silent."""

import asyncio
import base64
import itertools
import json
import resource
import secrets
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from support.server import ISSUER

from bench.beds import Bed
from bench.requests import TOKEN_PATH, Refreshes, post

Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def ask(stream: Stream, question: bytes, session: Refreshes | None = None) -> int:
    reader, writer = stream
    writer.write(question)
    head = await reader.readuntil(b"\r\n\r\n")
    while head.startswith(b"HTTP/1.1 100 "):
        head = await reader.readuntil(b"\r\n\r\n")
    lines = head.lower().split(b"\r\n")
    (length,) = [int(each[15:]) for each in lines if each.startswith(b"content-length:")]
    body = await reader.readexactly(length)
    status = int(head[9:12])
    if session:
        session.take(status, head + body)
    return status


async def connected(one: Bed, source: tuple[str, int]) -> Stream:
    return await asyncio.open_connection("127.0.0.1", one.server.port, local_addr=source)


@asynccontextmanager
async def silent_server(port: int) -> AsyncIterator[None]:
    ended = asyncio.Event()

    async def wait(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await ended.wait()
        writer.close()

    async with await asyncio.start_server(wait, "127.0.0.1", port):
        yield
        ended.set()


@contextmanager
def soft_limit(files: int | None) -> Iterator[None]:
    """Of open files, for what is started meanwhile; None: as many as there may be."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard if files is None else files, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


_numbers = itertools.count()


def made_up_token() -> str:
    header = {"alg": "RS512", "typ": "JWT", "kid": f"made-up-{next(_numbers)}"}
    return _compact(header, {"sub": "nobody", "aud": "refresh"})


def assertion_request() -> bytes:
    header = {"alg": "RS256", "typ": "JWT", "kid": f"made-up-{next(_numbers)}"}
    now = int(time.time())
    claims = {
        "iss": "slow",
        "sub": "slow",
        "aud": ISSUER,
        "jti": secrets.token_hex(8),
        "iat": now,
        "exp": now + 60,
    }
    form = {
        "grant_type": "client_credentials",
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "client_assertion": _compact(header, claims),
    }
    return post(TOKEN_PATH, form)


def _compact(header: object, claims: object) -> str:
    parts = (json.dumps(header).encode(), json.dumps(claims).encode(), secrets.token_bytes(256))
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)
