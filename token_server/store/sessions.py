"""Sessions in the store: one script or one command, one round trip; only ending all is more."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from token_server.store import names, records
from token_server.store.engine import Argument, Engine, Script
from token_server.store.memory import StoreMemory
from token_server.store.subjects import end_all_sessions
from token_server.tokens.model import (
    LEEWAY,
    Attempt,
    ClientId,
    EndReason,
    Kid,
    NewSession,
    Policy,
    RefreshToken,
    Session,
    SessionId,
    Subject,
    TokenId,
)
from token_server.tokens.moments import to_micros
from token_server.tokens.outcomes import (
    AccountBarred,
    Done,
    Ended,
    Ending,
    Expired,
    Handed,
    Known,
    Late,
    Misplaced,
    Outcome,
    Reused,
    Revoked,
    Showing,
    Unknown,
    Widened,
)
from token_server.tokens.ports import RefreshTerms

_BEGIN = Script("record", "begin")
_REFRESH = Script("record", "refresh")
_END = Script("record", "end")
_END_ALL = Script("subject", "end_all")
_LOOK = Script("record", "look")
_HANDED: Mapping[bytes, Outcome] = {outcome.encode(): outcome for outcome in Outcome}
_UNCHANGED: Mapping[bytes, Showing] = {
    b"misplaced": Misplaced(),
    b"expired": Expired(),
    b"widened": Widened(),
    b"late": Late(),
    b"refused": Reused(ended=False),
}


class SessionEnds:
    """The half of the SessionStore that ends sessions; it needs no store secret.

    `keep`: how long it must be remembered at least that all sessions of a subject were ended: the
    longest life of a refresh token, and the leeway.
    """

    def __init__(self, engine: Engine, *, keep: timedelta) -> None:
        self._engine = engine
        self._keep = keep

    async def end(  # noqa: PLR0913 - each by its name
        self,
        subject: Subject,
        sid: SessionId,
        *,
        because: EndReason,
        attempt: Attempt,
        token_id: TokenId | None = None,
        origins: Sequence[TokenId] = (),
        client_id: ClientId | None = None,
    ) -> Ending:
        if token_id is None:
            return await self._end(_keys(subject, sid), [because, attempt, "", ""])
        keys = [*_keys(subject, sid), *_revocations(subject, [token_id, *origins])]
        return await self._end(keys, [because, attempt, f"={client_id or ''}", ""])

    async def end_all(self, subject: Subject) -> None:
        await end_all_sessions(self._engine, _END_ALL, subject, keep=self._keep)

    async def _end(self, keys: Sequence[str], arguments: Sequence[Argument]) -> Ending:
        outcome, *values = await self._engine.run(_END, keys, arguments, durably=True)
        match outcome:
            case b"done":
                return Done()
            case b"ended":
                return Ended(because=EndReason(values[0].decode()))
            case b"misplaced":
                return Misplaced()
            case b"revoked":
                return Revoked()
            case _:
                return Unknown()


class Sessions(SessionEnds):
    """The SessionStore of tokens/ports.py."""

    def __init__(self, engine: Engine, memory: StoreMemory, *, keep: timedelta) -> None:
        super().__init__(engine, keep=keep)
        self._memory = memory

    async def revoke_session(
        self, token: RefreshToken, *, client_id: ClientId | None, attempt: Attempt
    ) -> Ending:
        return await self._end(
            _keys(token.subject, token.sid),
            [EndReason.REVOKED, attempt, f"={client_id or ''}", "1"],
        )

    async def revoke_access_token(
        self, subject: Subject, token_id: TokenId, *, until: datetime
    ) -> None:
        gone_at = to_micros(until + LEEWAY) // 1000
        await self._engine.command("SET", names.revoked(subject, token_id), "", "PXAT", gone_at)
        await self._engine.make_durable()

    async def begin(
        self,
        new: NewSession,
        *,
        policy: Policy,
        attempt: Attempt,
        of_account: bool,
        foreign: bool = False,
    ) -> Session | AccountBarred:
        # A session that a foreign store remembers could never be refreshed: see identity.py.
        await self._memory.check()
        outcome, *values = await self._engine.run(
            _BEGIN,
            [*_keys(new.subject, new.sid), names.account(new.subject)],
            [
                *(to_micros(new.began_at), attempt, new.kid, records.packed(policy)),
                *(records.flags(new), 2 if foreign else int(of_account)),
                *(new.client_id or "", new.scope or ""),
            ],
            durably=True,
        )
        if outcome == b"barred":
            return AccountBarred()
        return records.read(new.subject, new.sid, values)

    async def show(
        self,
        token: RefreshToken,
        *,
        terms: RefreshTerms,
        kid: Kid,
        attempt: Attempt,
        now: datetime,
    ) -> Showing:
        arguments = _refresh_arguments(token, terms, kid=kid, attempt=attempt, now=now)
        keys = _keys(token.subject, token.sid)
        answer = await self._engine.run(_REFRESH, keys, arguments)
        return _handed(token, answer) or await self._not_handed(answer)

    async def foresee(self, token: RefreshToken, *, terms: RefreshTerms, now: datetime) -> Showing:
        arguments = _refresh_arguments(token, terms, kid=Kid(""), attempt=Attempt(""), now=now)
        keys = _keys(token.subject, token.sid)
        answer = await self._engine.run(_REFRESH, keys, [*arguments, "1"])
        return _handed(token, answer) or await self._not_handed(answer)

    async def look(
        self,
        subject: Subject,
        *,
        sid: SessionId | None,
        token_id: TokenId,
        origins: Sequence[TokenId] = (),
    ) -> Known:
        revocations = _revocations(subject, [token_id, *origins])
        keys = [*_keys(subject, sid or SessionId("")), *revocations]
        revoked, ended, *values = await self._engine.run(_LOOK, keys, [])
        session = None if sid is None else records.find(subject, sid, values)
        if session is None:
            await self._memory.check()
        return Known(
            session=session,
            ended=None if ended is None else EndReason(ended.decode()),
            revoked=bool(revoked),
        )

    async def _end(self, keys: Sequence[str], arguments: Sequence[Argument]) -> Ending:
        ending = await super()._end(keys, arguments)
        if ending == Unknown():
            await self._memory.check()
        return ending

    async def _not_handed(self, answer: Sequence[bytes]) -> Showing:
        word, *values = answer
        match word:
            case b"unknown":
                await self._memory.check()
                return Unknown()
            case b"ended":
                return Ended(because=EndReason(values[0].decode()))
            case b"reused":
                # Rotations need not wait for the disk: a forgotten one is rolled forward. An end
                # that was found out must not be forgotten.
                await self._engine.make_durable()
                return Reused()
            case _:
                return _UNCHANGED[word]


_keys = names.session_and_subject


def _revocations(subject: Subject, token_ids: Sequence[TokenId]) -> list[str]:
    return [names.revoked(subject, token_id) for token_id in token_ids]


def _handed(token: RefreshToken, answer: Sequence[bytes]) -> Handed | None:
    word, *values = answer
    outcome = _HANDED.get(word)
    if outcome is None:
        return None
    return Handed(outcome=outcome, session=records.read(token.subject, token.sid, values))


def _refresh_arguments(
    token: RefreshToken, terms: RefreshTerms, *, kid: Kid, attempt: Attempt, now: datetime
) -> list[Argument]:
    return [
        *(token.generation, to_micros(now), attempt, kid, records.packed(terms.policy)),
        *(terms.client_id or "", " ".join(terms.scope), terms.on_reuse, int(terms.is_public)),
    ]
