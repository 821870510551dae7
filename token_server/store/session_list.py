"""Sessions as an operator asks for them: by subject, or by their id alone. Both walk all keys."""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass

from token_server.store import names, records
from token_server.store.engine import Engine, Script
from token_server.tokens.model import EndReason, Session, SessionId, Subject

_LOOK = Script("record", "look")
_SID = re.compile(r"[A-Za-z0-9_-]{22}")
_KEYS_A_STEP = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A session that the store remembers; `ended` says why it is over, if it is."""

    session: Session
    ended: EndReason | None


class SessionList:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def live(self, subject: Subject) -> list[Session]:
        """The subject's live sessions, oldest first. Raises: StoreUnavailable."""
        # A walk may come by a key twice.
        keys = {key async for key in self._walk(names.sessions_of(subject))}
        found = [await self._read(key.decode()) for key in keys]
        live = [one.session for one in found if one is not None and one.ended is None]
        return sorted(live, key=lambda session: session.began_at)

    async def find(self, sid: str) -> Found | None:
        """A session by its id alone. Raises: StoreUnavailable."""
        if not _SID.fullmatch(sid):
            return None
        async for key in self._walk(f"*:session:{sid}"):
            return await self._read(key.decode())
        return None

    async def _walk(self, pattern: str) -> AsyncIterator[bytes]:
        cursor = b"0"
        while True:
            cursor, keys = await self._engine.command(
                *("SCAN", cursor, "MATCH", pattern, "COUNT", _KEYS_A_STEP)
            )
            for key in keys:
                yield key
            if int(cursor) == 0:
                return

    async def _read(self, key: str) -> Found | None:
        subject, sid = names.subject_of(key), SessionId(key.rpartition(":")[2])
        keys = names.session_and_subject(subject, sid)
        _, ended, *values = await self._engine.run(_LOOK, keys, [])
        session = records.find(subject, sid, values)
        if session is None:
            return None
        return Found(session=session, ended=None if ended is None else EndReason(ended.decode()))
