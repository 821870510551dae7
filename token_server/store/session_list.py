"""Sessions as an operator asks for them: by subject, or by their id alone."""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass

from token_server.store import names, records
from token_server.store.engine import Engine
from token_server.tokens.model import EndReason, Session, SessionId, Subject
from token_server.tokens.moments import to_micros

_SID = re.compile(r"[A-Za-z0-9_-]{22}")
_KEYS_A_STEP = 1000
_RECORD = (*records.FIELDS, "e")


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
        sids = await self._index(subject)
        found = [await self._read(subject, sid) for sid in sids]
        gone = [sid for sid, one in zip(sids, found, strict=True) if one is None]
        if gone:
            # A session id is never given twice, so what is gone stays gone.
            await self._engine.command("HDEL", names.subject_record(subject), *gone)
        live = [one.session for one in found if one is not None and one.ended is None]
        return sorted(live, key=lambda session: session.began_at)

    async def find(self, sid: str) -> Found | None:
        """A session by its id alone: walks all keys. Raises: StoreUnavailable."""
        if not _SID.fullmatch(sid):
            return None
        async for key in self._walk(f"*:session:{sid}"):
            return await self._read(names.subject_of(key.decode()), SessionId(sid))
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

    async def _index(self, subject: Subject) -> list[SessionId]:
        record = await self._engine.command("HKEYS", names.subject_record(subject))
        return [SessionId(field.decode()) for field in record if _SID.fullmatch(field.decode())]

    async def _read(self, subject: Subject, sid: SessionId) -> Found | None:
        *values, because = await self._engine.command(
            "HMGET", names.session(subject, sid), *_RECORD
        )
        session = records.find(subject, sid, values)
        if session is None:
            return None
        return Found(session=session, ended=await self._why_ended(session, because))

    async def _why_ended(self, session: Session, because: bytes | None) -> EndReason | None:
        if because is not None:
            return EndReason(because.decode())
        not_before = await self._engine.command(
            "HGET", names.subject_record(session.subject), "not_before"
        )
        if not_before is not None and to_micros(session.began_at) <= int(not_before):
            return EndReason.ALL_ENDED
        return None
