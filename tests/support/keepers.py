"""The two places where keys may lie, alike to whoever uses them."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

from redis.asyncio import Redis

from token_server.signing.keeper import KeysKeeper
from token_server.signing.keystore import KeysDirectory
from token_server.signing.stored_keys import StoredKeys
from token_server.store import names
from token_server.store.connect import connect
from token_server.store.engine import Engine
from token_server.store.keyset import StoredKeyset

T = TypeVar("T")
PASSPHRASE = "8q3vYw0nW5yJm2s1V7cZ4g"


def passphrase_in(path: Path, passphrase: str = PASSPHRASE) -> Path:
    path.write_text(passphrase)
    path.chmod(0o600)
    return path


class Place(Protocol):
    """Where a keyset lies."""

    def keeper(self, passphrase_file: Path) -> KeysKeeper:
        """As another process has it."""

    def texts(self) -> dict[str, bytes]:
        """Everything that is kept."""

    def put(self, text: bytes) -> None:
        """In place of the keyset's text."""


@dataclass
class Folder:
    path: Path

    def keeper(self, passphrase_file: Path) -> KeysKeeper:
        return KeysDirectory(self.path, passphrase_file=passphrase_file)

    def texts(self) -> dict[str, bytes]:
        return {each.name: each.read_bytes() for each in self.path.iterdir() if each.suffix}

    def put(self, text: bytes) -> None:
        self.path.mkdir(mode=0o700, exist_ok=True)
        (self.path / "keyset.json").write_bytes(text)


@dataclass
class InStore:
    socket: Path
    waits_for_fsync: bool = False

    def keeper(self, passphrase_file: Path) -> KeysKeeper:
        return StoredKeys(self.keyset(), passphrase_file=passphrase_file)

    def keyset(self, *, secret: bytes = b"", meant: bool = False) -> StoredKeyset:
        return StoredKeyset(self.opener(), secret=secret, meant=meant)

    def texts(self) -> dict[str, bytes]:
        kept = self.ask(lambda client: client.hgetall(names.KEYSET))
        return {name.decode(): text for name, text in kept.items() if name != b"attempt"}

    def put(self, text: bytes) -> None:
        self.ask(lambda client: client.hset(names.KEYSET, "keyset.json", text))

    def ask(self, question: Callable[[Redis], Awaitable[Any]]) -> Any:  # noqa: ANN401 - whatever was asked for
        async def asked() -> object:
            async with connect(f"unix://{self.socket}") as client:
                return await question(client)

        return asyncio.run(asked())

    def opener(self) -> Callable[[], AbstractAsyncContextManager[Engine]]:
        @asynccontextmanager
        async def opened() -> AsyncIterator[Engine]:
            async with connect(f"unix://{self.socket}") as client:
                yield Engine(client, waits_for_fsync=self.waits_for_fsync)

        return opened
