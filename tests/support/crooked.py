"""A line to the store that loses answers."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory


@asynccontextmanager
async def crooked(
    store: Path, *, loses: int = 0, of: bytes = b"EVAL", silently: bool = False
) -> AsyncIterator[Path]:
    """A line to the store that is cut off instead of answering, that many times, `of` these.

    `silently`: the line stays open, and the answer never comes.
    """
    left = loses

    async def read(reader: asyncio.StreamReader) -> bytes:
        # The other side aborts a line that it takes for dead.
        with suppress(ConnectionResetError):
            return await reader.read(65536)
        return b""

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal left
        answers, questions = await asyncio.open_unix_connection(store)
        while asked := await read(reader):
            questions.write(asked)
            answer = await answers.read(65536)
            if of in asked and left:
                left -= 1
                if silently:
                    continue
                break
            writer.write(answer)
        questions.close()
        writer.close()

    with TemporaryDirectory() as short:
        socket = Path(short) / "line"
        async with await asyncio.start_unix_server(carry, socket):
            yield socket
