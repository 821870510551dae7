"""Sessions in the store: each method one script or one command, one round trip."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from token_server.store import names, records
from token_server.store.engine import Engine, Script
from token_server.store.memory import StoreMemory
from token_server.tokens.model import (
    Attempt,
    EndReason,
    Kid,
    NewSession,
    Policy,
    RefreshToken,
    Session,
    SessionId,
    Subject,
)
from token_server.tokens.moments import micros_in, to_micros
from token_server.tokens.ports import (
    AccountBarred,
    Done,
    Ended,
    Ending,
    Expired,
    Handed,
    Late,
    Outcome,
    Reused,
    Showing,
    Unknown,
)

_BEGIN = Script("record", "begin")
_REFRESH = Script("record", "refresh")
_END = Script("record", "end")
_END_ALL = Script("subject", "end_all")


class SessionEnds:
    """The half of the SessionStore that ends sessions; it needs no store secret.

    `keep`: how long a subject's "not before" must be remembered at least: the longest life of a
    refresh token, and the leeway.
    """

    def __init__(self, engine: Engine, *, keep: timedelta) -> None:
        self._engine = engine
        self._keep = keep

    async def end(
        self, subject: Subject, sid: SessionId, *, because: EndReason, attempt: Attempt
    ) -> Ending:
        outcome, *values = await self._engine.run(
            _END, _keys(subject, sid), [sid, because, attempt], durably=True
        )
        match outcome:
            case b"done":
                return Done()
            case b"ended":
                return Ended(because=EndReason(values[0].decode()))
            case _:
                return Unknown()

    async def end_all(self, subject: Subject, *, now: datetime) -> None:
        kept = self._keep // timedelta(milliseconds=1)
        await self._engine.run(
            _END_ALL, [names.subject_record(subject)], [to_micros(now), kept], durably=True
        )


class Sessions(SessionEnds):
    """The SessionStore of tokens/ports.py."""

    def __init__(self, engine: Engine, memory: StoreMemory, *, keep: timedelta) -> None:
        super().__init__(engine, keep=keep)
        self._memory = memory

    async def end(
        self, subject: Subject, sid: SessionId, *, because: EndReason, attempt: Attempt
    ) -> Ending:
        ending = await super().end(subject, sid, because=because, attempt=attempt)
        if ending == Unknown():
            await self._memory.check()
        return ending

    async def begin(
        self, new: NewSession, *, policy: Policy, attempt: Attempt, of_account: bool
    ) -> Session | AccountBarred:
        # A session that a foreign store remembers could never be refreshed: see identity.py.
        await self._memory.check()
        outcome, *values = await self._engine.run(
            _BEGIN,
            [*_keys(new.subject, new.sid), names.account(new.subject)],
            [
                *(new.sid, to_micros(new.began_at), attempt, new.kid),
                *(int(new.short_term), int(of_account)),
                *records.lengths(policy),
            ],
            durably=True,
        )
        if outcome == b"barred":
            return AccountBarred()
        return records.read(new.subject, new.sid, values)

    async def show(
        self, token: RefreshToken, *, policy: Policy, kid: Kid, attempt: Attempt, now: datetime
    ) -> Showing:
        answer = await self._engine.run(
            _REFRESH,
            _keys(token.subject, token.sid),
            [
                *(token.generation, to_micros(now), attempt, kid),
                *(micros_in(policy.grace_period), _recovery(policy)),
                *records.lengths(policy),
            ],
        )
        return await self._showing(token, answer)

    async def _showing(self, token: RefreshToken, answer: Sequence[bytes]) -> Showing:
        outcome, *values = answer
        match outcome:
            case b"unknown":
                await self._memory.check()
                return Unknown()
            case b"ended":
                return Ended(because=EndReason(values[0].decode()))
            case b"expired":
                return Expired()
            case b"late":
                return Late()
            case b"reused":
                # Rotations need not wait for the disk: a forgotten one is rolled forward. An end
                # that was found out must not be forgotten.
                await self._engine.make_durable()
                return Reused()
            case _:
                session = records.read(token.subject, token.sid, values)
                return Handed(outcome=Outcome(outcome.decode()), session=session)


def _keys(subject: Subject, sid: SessionId) -> list[str]:
    return [names.session(subject, sid), names.subject_record(subject)]


def _recovery(policy: Policy) -> int:
    return -1 if policy.recovery_period is None else micros_in(policy.recovery_period)
