"""One connected store: runs a script or a command within a deadline, durably where asked."""

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Coroutine, Sequence
from datetime import timedelta
from importlib.resources import files
from typing import Any, TypeVar

import structlog
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as NotConnected
from redis.exceptions import (
    NoScriptError,
    ReadOnlyError,
    RedisError,
    ResponseError,
)

from token_server.store import names
from token_server.store.connect import RETRIES
from token_server.store.facts import FSYNC_WITHIN_MS, PROBE_LIVES_MS
from token_server.store.line import Argument as Argument  # noqa: PLC0414 - callers
from token_server.store.pool import line_of
from token_server.store.reaching import is_about_rights, missing_right
from token_server.tokens.refusals import StoreMemoryLost, StoreUnavailable

T = TypeVar("T")

DEADLINE = timedelta(seconds=2)
"""How long one answer of the store is waited for; beginning a session needs three of them."""
# What a store refuses for reasons of its own. Any other error is a fault of ours.
_NOT_NOW = frozenset(
    {"BUSY", "CLUSTERDOWN", "LOADING", "MASTERDOWN", "MISCONF", "NOAUTH", "NOPERM", "NOREPLICAS"}
    | {"OOM", "READONLY", "TRYAGAIN", "UNKILLABLE", "WRONGPASS"}
    # A key of another program: it is in the way until an operator removes it.
    | {"WRONGTYPE"}
)
_TOLD_EVERY_SECONDS = 1.0

log = structlog.get_logger(__name__)


class Script:
    """Lua that runs as one atomic step; made of the named files of `scripts/`, in order."""

    def __init__(self, *names_of_files: str) -> None:
        folder = files("token_server.store") / "scripts"
        self.text = "".join((folder / f"{name}.lua").read_text("utf-8") for name in names_of_files)
        # EVALSHA names a script by its SHA-1; nothing secret depends on it.
        self.sha = hashlib.sha1(self.text.encode(), usedforsecurity=False).hexdigest()


class Gate:
    """Open while the store is the one whose memory the server relies on.

    A closed gate lets no command of a request through: nothing is read from another store, and
    nothing is written to it.
    """

    def __init__(self, *, is_open: bool = True) -> None:
        self.is_open = is_open

    def check(self) -> None:
        """Raises: StoreMemoryLost."""
        if not self.is_open:
            raise StoreMemoryLost


class Engine:
    """A client and the deadline of its answers. Scripts and commands share one connection of it.

    `waits_for_fsync`: the store does not fsync each write itself, so what must be durable is
    waited for (WAITAOF).
    """

    def __init__(
        self,
        client: Redis,
        *,
        waits_for_fsync: bool,
        deadline: timedelta = DEADLINE,
        gate: Gate | None = None,
    ) -> None:
        self.client = client
        self.waits_for_fsync = waits_for_fsync
        self.gate = gate or Gate()
        self._deadline = deadline.total_seconds()
        self._line = line_of(client)
        self._told_at = -_TOLD_EVERY_SECONDS

    async def answer(
        self, asked: Awaitable[T], *, since: float | None = None, keys: Sequence[str] = ()
    ) -> T:
        """The answer of the store.

        Raises: StoreUnavailable, also where it is too slow; StoreMemoryLost.

        `since`: when it was first asked, by the clock of the event loop. `keys`: that it is about.
        """
        if not self.gate.is_open and isinstance(asked, Coroutine):
            # It was made and is not awaited.
            asked.close()
        self.gate.check()
        until = (since or asyncio.get_running_loop().time()) + self._deadline
        try:
            async with asyncio.timeout_at(until):
                return await asked
        except (RedisError, OSError, TimeoutError) as fault:
            raise self._unavailable(fault, keys) from fault

    async def command(self, *words: Argument) -> Any:  # noqa: ANN401 - as for a script
        """The answer to one command, in bytes."""
        keys = [str(word) for word in words[1:2]]
        return await self.answer(self._persist(words), keys=keys)

    async def run(
        self,
        script: Script,
        keys: Sequence[str],
        arguments: Sequence[Argument],
        *,
        durably: bool = False,
    ) -> Any:  # noqa: ANN401 - what a script returns only its caller knows
        """Run a script; `durably`: return only once what it wrote is on disk."""
        self.gate.check()
        since = asyncio.get_running_loop().time()
        words = (len(keys), *keys, *arguments)
        # The common case needs no timeout of its own: the line is taken for dead sooner.
        asked = self._line.ask_at_once("EVALSHA", script.sha, *words)
        if asked is None:
            result = await self._run_again(script, words, since, keys)
        else:
            try:
                result = await asked
            except (NotConnected, NoScriptError):
                result = await self._run_again(script, words, since, keys)
            except ResponseError as fault:
                raise self._unavailable(fault, keys) from fault
        if durably:
            await self.make_durable()
        return result

    async def make_durable(self) -> None:
        """Return once all that was written before is on disk. Raises: StoreUnavailable."""
        if self.waits_for_fsync and not await self.answer(self._wait_for_fsync()):
            self._tell("fsync")
            raise StoreUnavailable

    async def probe(self) -> None:
        """Raises: StoreUnavailable, where the store takes no write."""
        await self.command("SET", names.PROBE, "", "PX", PROBE_LIVES_MS)

    async def _run_again(
        self, script: Script, words: Sequence[Argument], since: float, keys: Sequence[str]
    ) -> Any:  # noqa: ANN401
        by_name = ("EVALSHA", script.sha, *words)
        in_full = ("EVAL", script.text, *words)
        return await self.answer(self._persist(by_name, in_full), since=since, keys=keys)

    async def _persist(
        self, words: Sequence[Argument], unless_known: Sequence[Argument] = ()
    ) -> Any:  # noqa: ANN401
        """Repeat what was not answered: every write is recognised then, see ports.py."""
        for _ in range(RETRIES):
            try:
                return await self._ask(words, unless_known)
            except NotConnected:
                continue
        return await self._ask(words, unless_known)

    async def _ask(self, words: Sequence[Argument], unless_known: Sequence[Argument]) -> Any:  # noqa: ANN401
        try:
            return await self._line.ask(*words)
        except NoScriptError:
            # A restarted store knows no script. NOSCRIPT means that nothing was executed.
            return await self._line.ask(*unless_known)

    async def _wait_for_fsync(self) -> bool:
        # WAITAOF waits for the writes of its own connection only, and on one that wrote nothing,
        # as after a reconnect, it does not wait at all. The file is one: what is on disk up to a
        # write made now holds everything before it.
        async with self.client.pipeline(transaction=False) as pipeline:
            pipeline.set(names.BARRIER, "", px=PROBE_LIVES_MS)
            pipeline.execute_command("WAITAOF", 1, 0, FSYNC_WITHIN_MS)
            written, synced = await pipeline.execute(raise_on_error=False)
        if isinstance(written, ReadOnlyError):
            # A failover has made a replica of it, as in line.py: the next one connects anew.
            await self.client.connection_pool.disconnect(inuse_connections=False)
        # Errors, where there is no memory for the write or somebody switched the file off.
        return written is True and not isinstance(synced, Exception) and synced[0] > 0

    def _unavailable(self, fault: Exception, keys: Sequence[str]) -> StoreUnavailable:
        """What a fault of the store means. Raises: the fault, where it is ours."""
        cause, more = type(fault).__name__, {}
        if is_about_rights(fault):
            cause, more = "NOPERM", self._missing_right(str(fault))
        elif type(fault) is ResponseError:
            cause = str(fault).partition(" ")[0]
            if cause not in _NOT_NOW:
                raise fault
            if cause == "WRONGTYPE":
                more = _foreign_key(keys)
        self._tell(cause, **more)
        return StoreUnavailable()

    def _missing_right(self, text: str) -> dict[str, str]:
        user = self.client.connection_pool.connection_kwargs.get("username")
        problem = missing_right(text, user)
        return {"problem": problem.text, "hint": problem.hint or ""}

    def _tell(self, cause: str, **more: str) -> None:
        """One line a second at most: every request fails alike while a store is away."""
        now = time.monotonic()
        if now >= self._told_at + _TOLD_EVERY_SECONDS:
            self._told_at = now
            log.warning("the store cannot be used", cause=cause, **more)


def _foreign_key(keys: Sequence[str]) -> dict[str, str]:
    kinds = sorted({names.kind_of(key) for key in keys})
    return {
        "problem": f"one of these keys has a type that is not token-server's: {', '.join(kinds)}",
        "hint": "another program uses this database: set STORE_URL to one of its own",
    }
