"""Each method of the store layer, called on a real store, and what it promises of the disk."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum, auto

from redis.asyncio import Redis

from support.accounts import HASH, THEN, an_account
from support.moments import MovableClock
from support.sessions import ALICE, KID, POLICY, Desk, shown
from token_server.store.accounts import Accounts, RememberedAccounts
from token_server.store.attempts import Attempts
from token_server.store.connect import connect
from token_server.store.engine import Engine, Script
from token_server.store.issuers import note_issuer
from token_server.store.key_expiries import StoredKeyExpiries
from token_server.store.keyset import StoredKeyset
from token_server.store.keyset_history import StoredKeysetHistory
from token_server.store.known_networks import StoredKnownNetworks
from token_server.store.memory import StoreMemory, find_secret, load_secret
from token_server.store.session_list import SessionList
from token_server.store.sessions import SessionEnds, Sessions
from token_server.store.single_use import UsedOnce
from token_server.store.subjects import end_all_sessions
from token_server.store.verifiers import Verifiers
from token_server.tokens.keyset_history import KeysetHistory
from token_server.tokens.model import ClientId, EndReason, Session, TokenId
from token_server.tokens.outcomes import Ended, Outcome, Reused, Showing

KEEP, MINUTE = POLICY.refresh_token_lifetime, timedelta(minutes=1)
JTI = TokenId("9b1a9f22-ecb7-4868-b791-4dce36e3a5c2")
BEFORE, AFTER = {"keyset.json": b"1"}, {"keyset.json": b"2"}
END_ALL = Script("subject", "end_all")


class Kind(Enum):
    DURABLE = auto()
    """The answer is a promise: everything written so far is on disk before it is given."""
    FORGETTABLE = auto()
    """It writes, and a crash may take that: the loss costs nothing that was promised."""
    READS = auto()


class WatchedEngine(Engine):
    """Notes how many changes the store had counted when they were last made durable."""

    durable_changes: int | None = None

    async def make_durable(self) -> None:
        await super().make_durable()
        type(self).durable_changes = await changes(self.client)


async def changes(client: Redis) -> int:
    return int((await client.info("persistence"))["rdb_changes_since_last_save"])


@dataclass
class Bench:
    """A store with one session and one account, and all that the store layer offers on it."""

    url: str
    engine: Engine
    memory: StoreMemory
    clock: MovableClock = field(default_factory=MovableClock)

    def __post_init__(self) -> None:
        self.sessions = Sessions(self.engine, self.memory, keep=KEEP)
        self.desk = Desk(self.sessions)
        self.ends = SessionEnds(self.engine, keep=KEEP)
        self.accounts = Accounts(self.engine, keep=KEEP)
        self.remembered = RememberedAccounts(self.engine, self.memory, keep=KEEP)
        self.attempts = Attempts(self.engine)
        self.expiries = StoredKeyExpiries(self.engine, propagation_period=MINUTE)
        self.used_once = UsedOnce(self.engine, self.memory)
        self.networks = StoredKnownNetworks(self.engine, kind="account")
        self.list = SessionList(self.engine)
        self.verifiers = Verifiers(self.engine)
        self.keyset = StoredKeyset(self._open_engine, meant=True)
        self.session: Session

    @asynccontextmanager
    async def _open_engine(self) -> AsyncIterator[Engine]:
        async with connect(self.url) as client:
            yield WatchedEngine(client, waits_for_fsync=self.engine.waits_for_fsync)

    async def show(self, generation: int) -> Showing:
        return await self.desk.show(self.session, generation, self.clock())


Act = Callable[[Bench], Awaitable[object]]


async def _nothing(_bench: Bench) -> None:
    """The bench is ready as it is."""


@dataclass
class Row:
    name: str
    """The method, and after a colon the case of it."""
    kind: Kind
    act: Act
    prepare: Act = _nothing

    @property
    def method(self) -> str:
        return self.name.partition(":")[0]


async def _end(bench: Bench, ends: SessionEnds, token_id: TokenId | None = None) -> None:
    sid, attempt = bench.session.sid, bench.desk.attempt()
    await ends.end(ALICE, sid, because=EndReason.LOGOUT, attempt=attempt, token_id=token_id)


async def _revoke_session(bench: Bench) -> None:
    token, attempt = shown(bench.session, 0), bench.desk.attempt()
    await bench.sessions.revoke_session(token, client_id=None, attempt=attempt)


async def _spend_two_tokens(bench: Bench) -> None:
    for generation in (0, 1):
        await bench.show(generation)
    bench.clock.move(minutes=5)


async def _reuse(bench: Bench) -> None:
    assert await bench.show(0) == Reused()


async def _rotate(bench: Bench) -> None:
    showing = await bench.show(0)
    assert getattr(showing, "outcome", None) is Outcome.ROTATED


async def _foresee(bench: Bench) -> None:
    for generation in (0, 1, 2):
        await bench.desk.foresee(bench.session, generation, bench.clock())


async def _show_to_another_client(bench: Bench) -> None:
    bench.desk.client_id = ClientId("other")
    await bench.show(0)


async def _show_an_ended_one(bench: Bench) -> None:
    assert await bench.show(0) == Ended(because=EndReason.LOGOUT)


async def _record_an_expiry_that_is_lost(bench: Bench) -> None:
    await bench.expiries.reserve(KID, bench.clock() + KEEP)
    await bench.engine.command("DEL", "token-server:key-expiries")


async def _begin_keyset(bench: Bench) -> None:
    assert await asyncio.to_thread(bench.keyset.begin, BEFORE)


async def _replace_keyset(bench: Bench) -> None:
    assert await asyncio.to_thread(bench.keyset.replace, BEFORE, AFTER)


def _read_keyset(*, durably: bool) -> Act:
    return lambda bench: asyncio.to_thread(bench.keyset.read, durably=durably)


async def _notice_a_verifier(bench: Bench) -> None:
    bench.verifiers.fetched("192.0.2.1", "curl", KID)


async def _set_password(bench: Bench) -> None:
    assert await bench.accounts.set_password_hash(ALICE, "$new", replacing=HASH, at=THEN)


ROWS = [
    Row("load_secret", Kind.DURABLE, lambda b: load_secret(b.engine)),
    Row("find_secret", Kind.READS, lambda b: find_secret(b.engine)),
    Row("StoreMemory.find_secret", Kind.READS, lambda b: b.memory.find_secret()),
    Row(
        "StoredKeysetHistory.record",
        Kind.DURABLE,
        lambda b: StoredKeysetHistory(b.engine).record(KeysetHistory(counter=7)),
    ),
    Row(
        "StoredKeysetHistory.recorded",
        Kind.READS,
        lambda b: StoredKeysetHistory(b.engine).recorded(),
    ),
    Row("note_issuer", Kind.FORGETTABLE, lambda b: note_issuer(b.engine, "https://a", b.clock())),
    Row("StoreMemory.check", Kind.READS, lambda b: b.memory.check()),
    Row("Sessions.begin", Kind.DURABLE, lambda b: b.desk.begin(b.clock())),
    Row("Sessions.show: reuse", Kind.DURABLE, _reuse, prepare=_spend_two_tokens),
    # Rotations need not be durable: a store that forgot one is rolled forward.
    Row("Sessions.show: rotation", Kind.FORGETTABLE, _rotate),
    Row("Sessions.show: another client", Kind.READS, _show_to_another_client),
    Row("Sessions.show: ended", Kind.READS, _show_an_ended_one, lambda b: _end(b, b.ends)),
    Row("Sessions.foresee", Kind.READS, _foresee),
    Row("Sessions.foresee: reuse", Kind.READS, _foresee, prepare=_spend_two_tokens),
    Row(
        "Sessions.look",
        Kind.READS,
        lambda b: b.sessions.look(ALICE, sid=b.session.sid, token_id=JTI),
    ),
    Row("Sessions.revoke_session", Kind.DURABLE, _revoke_session),
    Row("Sessions.revoke_session: again", Kind.DURABLE, _revoke_session, prepare=_revoke_session),
    Row(
        "Sessions.revoke_access_token",
        Kind.DURABLE,
        lambda b: b.sessions.revoke_access_token(ALICE, JTI, until=b.clock() + MINUTE),
    ),
    Row("Sessions.end", Kind.DURABLE, lambda b: _end(b, b.sessions)),
    Row("Sessions.end: by an access token", Kind.DURABLE, lambda b: _end(b, b.sessions, JTI)),
    Row("SessionEnds.end", Kind.DURABLE, lambda b: _end(b, b.ends)),
    Row("SessionEnds.end: again", Kind.DURABLE, lambda b: _end(b, b.ends), _revoke_session),
    Row("SessionEnds.end_all", Kind.DURABLE, lambda b: b.ends.end_all(ALICE)),
    Row(
        "end_all_sessions",
        Kind.DURABLE,
        lambda b: end_all_sessions(b.engine, END_ALL, ALICE, keep=KEEP),
    ),
    Row("Accounts.add", Kind.DURABLE, lambda b: b.accounts.add(an_account("bob"))),
    Row("Accounts.set_password_hash", Kind.DURABLE, _set_password),
    Row("Accounts.disable", Kind.DURABLE, lambda b: b.accounts.disable(ALICE, at=THEN)),
    Row("Accounts.enable", Kind.DURABLE, lambda b: b.accounts.enable(ALICE, at=THEN)),
    Row("Accounts.remove", Kind.DURABLE, lambda b: b.accounts.remove(ALICE)),
    Row(
        "Accounts.remove: again",
        Kind.DURABLE,
        lambda b: b.accounts.remove(ALICE),
        lambda b: b.accounts.remove(ALICE),
    ),
    Row("Accounts.find", Kind.READS, lambda b: b.accounts.find(ALICE)),
    Row("Accounts.all", Kind.READS, lambda b: b.accounts.all()),
    Row("Accounts.names", Kind.READS, lambda b: b.accounts.names()),
    Row("Accounts.set_forms", Kind.FORGETTABLE, lambda b: b.accounts.set_forms({ALICE: ALICE})),
    Row("Accounts.find_by_form", Kind.READS, lambda b: b.accounts.find_by_form(ALICE)),
    Row("RememberedAccounts.find", Kind.READS, lambda b: b.remembered.find(ALICE)),
    # A crash gives back a few attempts of many.
    Row("Attempts.charge", Kind.FORGETTABLE, lambda b: b.attempts.charge("a", now=b.clock())),
    Row(
        "Attempts.forgive",
        Kind.FORGETTABLE,
        lambda b: b.attempts.forgive("a"),
        lambda b: b.attempts.charge("a", now=b.clock()),
    ),
    # After a crash the account's owner is limited as any stranger, until the next good log-in.
    Row(
        "StoredKnownNetworks.note",
        Kind.FORGETTABLE,
        lambda b: b.networks.note("alice", "192.0.2.0", now=b.clock()),
    ),
    Row(
        "StoredKnownNetworks.knows",
        Kind.READS,
        lambda b: b.networks.knows("alice", "192.0.2.0", now=b.clock()),
    ),
    Row(
        "StoredKeyExpiries.reserve",
        Kind.DURABLE,
        lambda b: b.expiries.reserve(KID, b.clock() + KEEP),
    ),
    Row("StoredKeyExpiries.latest", Kind.READS, lambda b: b.expiries.latest()),
    Row(
        "StoredKeyExpiries.latest: of a store that forgot",
        Kind.DURABLE,
        lambda b: b.expiries.latest(),
        _record_an_expiry_that_is_lost,
    ),
    Row("UsedOnce.spend", Kind.DURABLE, lambda b: b.used_once.spend("a", keep=MINUTE)),
    Row("SessionList.live", Kind.READS, lambda b: b.list.live(ALICE)),
    Row("SessionList.find", Kind.READS, lambda b: b.list.find(b.session.sid)),
    Row("StoredKeyset.read", Kind.READS, _read_keyset(durably=False), _begin_keyset),
    Row("StoredKeyset.read: durably", Kind.DURABLE, _read_keyset(durably=True), _begin_keyset),
    Row("StoredKeyset.begin", Kind.DURABLE, _begin_keyset),
    Row("StoredKeyset.replace", Kind.DURABLE, _replace_keyset, _begin_keyset),
    # What verifiers have fetched is seen again with their next request.
    Row(
        "Verifiers.write_down",
        Kind.FORGETTABLE,
        lambda b: b.verifiers.write_down(b.clock()),
        _notice_a_verifier,
    ),
    Row("Verifiers.all", Kind.READS, lambda b: b.verifiers.all()),
]
WITHOUT_A_ROW = {
    "StoreMemory.open": "does not ask the store",
    "StoreMemory.close": "does not ask the store",
    "StoredKeyExpiries.is_reserved": "does not ask the store",
    "Verifiers.fetched": "does not ask the store",
    "Verifiers.keep_writing": "calls write_down, for ever",
}
