"""A line to the store that loses answers."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory


@asynccontextmanager
async def crooked(store: Path, *, loses: int = 0, of: bytes = b"EVAL") -> AsyncIterator[Path]:
    """A line to the store that is cut off instead of answering, that many times, `of` these."""
    left = loses

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal left
        answers, questions = await asyncio.open_unix_connection(store)
        while asked := await reader.read(65536):
            questions.write(asked)
            answer = await answers.read(65536)
            if of in asked and left:
                left -= 1
                break
            writer.write(answer)
        questions.close()
        writer.close()

    with TemporaryDirectory() as short:
        socket = Path(short) / "line"
        async with await asyncio.start_unix_server(carry, socket):
            yield socket
