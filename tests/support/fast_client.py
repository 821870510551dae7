"""A client that costs little beside the server it asks: one connection, plain HTTP/1.1."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from support.forms import PATH


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:  # noqa: ANN401 - JSON
        return json.loads(self.body)


class FastClient:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def refresh(self, token: str) -> Answer:
        return await self.ask({"grantType": "RefreshToken", "refreshToken": token})

    async def log_out(self, access_token: str) -> Answer:
        bearer = f"Authorization: Bearer {access_token}\r\n"
        return await self._send("/api/oauth2/logout", bearer, b"")

    async def ask(self, form: Mapping[str, str]) -> Answer:
        media_type = "Content-Type: application/x-www-form-urlencoded\r\n"
        return await self._send(PATH, media_type, urlencode(form).encode())

    async def _send(self, path: str, header: str, body: bytes) -> Answer:
        self._writer.write(
            f"POST {path} HTTP/1.1\r\nHost: server\r\n{header}"
            f"Content-Length: {len(body)}\r\n\r\n".encode()
            + body
        )
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        status_line, *lines = head.rstrip().split("\r\n")
        headers = {name.lower(): value for name, _, value in (x.partition(": ") for x in lines)}
        length = int(headers.get("content-length", "0"))
        answered = await self._reader.readexactly(length)
        return Answer(int(status_line.split()[1]), headers, answered)


@asynccontextmanager
async def fast_clients(port: int, count: int) -> AsyncIterator[list[FastClient]]:
    """That many connections, each for one request at a time."""
    pairs = [await asyncio.open_connection("127.0.0.1", port) for _ in range(count)]
    try:
        yield [FastClient(reader, writer) for reader, writer in pairs]
    finally:
        for _, writer in pairs:
            writer.close()
            await writer.wait_closed()
