"""The keyset in the store: its text and its encrypted private keys in one hash."""

import asyncio
import secrets
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any

from token_server.problems import Problem
from token_server.store import names
from token_server.store.engine import Argument, Engine, Script
from token_server.tokens.refusals import TemporarilyUnavailable

_READ = Script("keyset_read")
_BEGIN = Script("keyset_begin")
_REPLACE = Script("keyset_replace")
_KEYS = [names.SECRET, names.KEYSET]
_TEXT = "keyset.json"
_ATTEMPT_BYTES = 16

Contents = Mapping[str, bytes]
"""By name of what would be a file in a keys directory."""


class StoredKeyset:
    """The KeysetStore of signing/stored_keys.py.

    Each call blocks, on a connection and an event loop of its own: it is called by threads, a few
    times a minute, also while the event loop of the server is busy or ends.

    `secret`: the store secret that a running server knows; it never goes by another store.
    `meant`: an operator asks for a first keyset, also in a store that has been in use.
    """

    def __init__(
        self,
        open_engine: Callable[[], AbstractAsyncContextManager[Engine]],
        *,
        secret: bytes = b"",
        meant: bool = False,
    ) -> None:
        self._open_engine = open_engine
        self._secret = secret
        self._meant = meant

    def read(self, *, durably: bool) -> Contents:
        """Raises: Problem."""
        answer = self._run(_READ, [self._secret], durably=durably)
        if answer == b"foreign":
            raise _foreign()
        pairs = zip(answer[::2], answer[1::2], strict=True)
        fields = {name.decode(): value for name, value in pairs}
        return {name: fields[name] for name in fields if name.endswith((".json", ".pem"))}

    def begin(self, contents: Contents) -> bool:
        """Raises: Problem."""
        words = [word for pair in contents.items() for word in pair]
        answer = self._run(_BEGIN, [_attempt(), int(self._meant), *words], durably=True)
        if answer == b"used":
            raise Problem(
                "the store has been in use, and holds no keyset",
                hint="restore the store from a backup, or bring the keys that it had with "
                '"token-server keys import"; "token-server keys init" makes others, and then '
                "every token that is out there is refused",
            )
        return bool(answer == b"made")

    def replace(self, before: Contents, after: Contents) -> bool:
        """Raises: Problem."""
        changed = [name for name in {**before, **after} if before.get(name) != after.get(name)]
        words = [
            word
            # Also where its text stays as it is, nobody may have changed it.
            for name in {_TEXT, *changed}
            for word in (name, before.get(name, b""), after.get(name, b""))
        ]
        answer = self._run(_REPLACE, [self._secret, _attempt(), *words], durably=True)
        if answer == b"foreign":
            raise _foreign()
        return bool(answer == b"done")

    def _run(self, script: Script, arguments: list[Argument], *, durably: bool) -> Any:  # noqa: ANN401 - what a script returns
        return asyncio.run(self._ask(script, arguments, durably=durably))

    async def _ask(self, script: Script, arguments: list[Argument], *, durably: bool) -> Any:  # noqa: ANN401
        try:
            async with self._open_engine() as engine:
                return await engine.run(script, _KEYS, arguments, durably=durably)
        except TemporarilyUnavailable as fault:
            raise Problem(
                f"the keyset in the store cannot be used ({fault.reason})", hint="check STORE_URL"
            ) from fault


def _attempt() -> bytes:
    return secrets.token_bytes(_ATTEMPT_BYTES)


def _foreign() -> Problem:
    return Problem(
        "the store is not the one that this server started with, or it was emptied",
        hint="bring back what it held; if that is lost, restart the servers",
    )
