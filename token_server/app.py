"""The composition root: settings in, ASGI app out. The one file that knows everybody."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import NoReturn, Self

import structlog
from starlette.types import ASGIApp

from token_server.accounts.log_in import PasswordLogIn
from token_server.accounts.passwords import Passwords
from token_server.audit import AuditLog
from token_server.logs import log_to
from token_server.problems import Problem
from token_server.settings import Settings
from token_server.signing.keeper import KeysKeeper
from token_server.signing.keystore import KeysDirectory
from token_server.signing.reader import KeysetReader, KeyTimes
from token_server.signing.reload import KeysetReload
from token_server.signing.stored_keys import StoredKeys
from token_server.signing.tidying import KeysTidier
from token_server.store.accounts import Accounts, RememberedAccounts
from token_server.store.attempts import Attempts
from token_server.store.connect import connect
from token_server.store.engine import Engine
from token_server.store.fitness import Fitness, check_fitness
from token_server.store.key_expiries import StoredKeyExpiries
from token_server.store.keyset import StoredKeyset
from token_server.store.memory import StoreMemory, load_secret
from token_server.store.sessions import SessionEnds, Sessions
from token_server.store.verifiers import Verifiers
from token_server.system import RandomIds, cores, system_clock, worker_count
from token_server.tokens.identity import TokenIds
from token_server.tokens.model import LEEWAY, Policy
from token_server.tokens.ports import Audit, Clock, Fact
from token_server.tokens.refusals import TemporarilyUnavailable
from token_server.tokens.rules import TokenRules
from token_server.web.routes import Doors, build_app

CANCELLED_AGAIN_AFTER = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Core:
    """What the web and the CLI both stand on."""

    tokens: TokenRules
    reload: KeysetReload
    memory: StoreMemory
    accounts: Accounts


@dataclass(frozen=True, slots=True, kw_only=True)
class Briefing:
    """What was learned of the store before any worker started, and holds until the server ends.

    A worker that replaces another must not take an emptied store for a new one, nor need the
    store to be there: it serves 503 until it is.
    """

    secret: bytes = field(repr=False)
    waits_for_fsync: bool

    def to_bytes(self) -> bytes:
        return bytes([self.waits_for_fsync]) + self.secret

    @classmethod
    def from_bytes(cls, written: bytes) -> Self:
        return cls(secret=written[1:], waits_for_fsync=bool(written[0]))


def prepare(settings: Settings) -> bytes:
    """What must be so before any worker starts: a first keyset, and a store that is fit.

    Answers the briefing of the workers. Raises: Problem.
    """
    log_to(sys.stderr)
    made = keys_keeper(settings).ensure_first(key_size=settings.key_size, now=system_clock())
    audit = AuditLog(sys.stdout, clock=system_clock)
    for kid in made:
        audit.record(Fact.KEY_MADE, kid=kid)
    return asyncio.run(meet_store(settings)).to_bytes()


async def meet_store(settings: Settings) -> Briefing:
    """Raises: Problem."""
    async with _checked_store(settings) as (engine, fitness):
        for shortfall in fitness.warnings:
            structlog.get_logger().warning(shortfall.text, hint=shortfall.fix)
        try:
            secret = await load_secret(engine)
        except TemporarilyUnavailable as fault:
            raise Problem(f"the store cannot be used ({fault.reason})") from fault
        return Briefing(secret=secret, waits_for_fsync=engine.waits_for_fsync)


@asynccontextmanager
async def open_app(
    settings: Settings, briefing: bytes, *, clock: Clock = system_clock
) -> AsyncIterator[ASGIApp]:
    """One worker's app; the store need not answer yet. Raises: Problem."""
    log_to(sys.stderr)
    audit = AuditLog(sys.stdout, clock=clock)
    met = Briefing.from_bytes(briefing)
    async with connect(settings.store_url.get_secret_value()) as client:
        engine = Engine(client, waits_for_fsync=met.waits_for_fsync)
        core = await open_core(settings, engine, met, audit, clock)

        async def check_readiness() -> None:
            core.reload.live.signing_kid(clock())
            await core.memory.check()
            await engine.probe()

        verifiers = Verifiers(engine)
        app = build_app(
            Doors(
                tokens=core.tokens,
                log_in=PasswordLogIn(
                    accounts=core.accounts,
                    attempts=Attempts(engine),
                    passwords=Passwords(slots=_password_slots(settings)),
                    clock=clock,
                    audit=audit,
                ),
                audit=audit,
                jwk_set=core.reload.live,
                verifiers=verifiers,
                readiness=check_readiness,
                clock=clock,
                dialects=settings.dialects,
            )
        )
        looking = core.reload.run(_tidier(settings, met, clock, audit))
        async with beside(looking, verifiers.keep_writing(clock)):
            with _on_sighup(core.reload.wake):
                yield app


@asynccontextmanager
async def open_engine(settings: Settings) -> AsyncIterator[Engine]:
    """The store that the settings name, which must be running and fit. Raises: Problem."""
    async with _checked_store(settings) as (engine, _):
        yield engine


async def open_core_alone(settings: Settings, engine: Engine, audit: Audit, clock: Clock) -> Core:
    """For a command, which no server has briefed. Raises: Problem, StoreUnavailable."""
    # A store with a secret is one that was in use, and that comes after its keys.
    await asyncio.to_thread(keys_keeper(settings).load)
    briefing = Briefing(secret=await load_secret(engine), waits_for_fsync=engine.waits_for_fsync)
    return await open_core(settings, engine, briefing, audit, clock)


async def open_core(
    settings: Settings, engine: Engine, met: Briefing, audit: Audit, clock: Clock
) -> Core:
    """Raises: Problem."""
    memory = StoreMemory(engine, met.secret)
    policy = settings.policy()
    key_expiries = StoredKeyExpiries(engine, propagation_period=settings.key_propagation_period)
    reload = await KeysetReload.open(
        KeysetReader(keys_keeper(settings, met), _key_times(settings)), key_expiries, clock
    )
    tokens = TokenRules(
        store=Sessions(engine, memory, keep=longest_kept(policy)),
        signer=reload.live,
        keyset_watch=reload,
        key_expiries=key_expiries,
        clock=clock,
        ids=RandomIds(),
        token_ids=TokenIds(met.secret),
        audit=audit,
        policy=policy,
        issuer=settings.issuer,
    )
    return Core(
        tokens=tokens,
        reload=reload,
        memory=memory,
        accounts=RememberedAccounts(engine, memory, keep=longest_kept(policy)),
    )


def keys_keeper(
    settings: Settings, met: Briefing | None = None, *, meant: bool = False
) -> KeysKeeper:
    """Where the settings say that the keys lie. Raises: Problem.

    A server that has been briefed goes by no other store. `meant`: see StoredKeyset.
    """
    passphrase_file = settings.keys_passphrase_file
    if settings.keys_dir is not None:
        return KeysDirectory(settings.keys_dir, passphrase_file=passphrase_file)
    store = StoredKeyset(_store_of(settings, met), secret=met.secret if met else b"", meant=meant)
    return StoredKeys(store, passphrase_file=passphrase_file)


def _store_of(
    settings: Settings, met: Briefing | None
) -> Callable[[], AbstractAsyncContextManager[Engine]]:
    """Opens the store again and again; its fitness is checked once."""
    known = [met.waits_for_fsync] if met else []

    @asynccontextmanager
    async def opened() -> AsyncIterator[Engine]:
        if not known:
            async with open_engine(settings) as engine:
                known.append(engine.waits_for_fsync)
        async with connect(settings.store_url.get_secret_value()) as client:
            yield Engine(client, waits_for_fsync=known[0])

    return opened


def accounts_on(engine: Engine, settings: Settings) -> Accounts:
    return Accounts(engine, keep=longest_kept(settings.policy()))


def session_ends(engine: Engine, settings: Settings) -> SessionEnds:
    return SessionEnds(engine, keep=longest_kept(settings.policy()))


def _key_times(settings: Settings) -> KeyTimes:
    policy = settings.policy()
    return KeyTimes(
        grace_period=policy.grace_period,
        propagation_period=settings.key_propagation_period,
        longest_lifetime=max(
            policy.longest_lifetime(short_term=False), policy.longest_lifetime(short_term=True)
        ),
    )


def _tidier(settings: Settings, met: Briefing, clock: Clock, audit: Audit) -> KeysTidier:
    return KeysTidier(
        keys_keeper(settings, met),
        _key_times(settings),
        key_size=settings.key_size,
        clock=clock,
        audit=audit,
    )


@asynccontextmanager
async def beside(*work: Coroutine[None, None, NoReturn]) -> AsyncIterator[None]:
    """What goes on for as long as the app is open.

    A fault of ours in it ends the worker: better than to go by old keys unnoticed.
    """
    try:
        async with asyncio.TaskGroup() as tasks:
            going_on = [tasks.create_task(each) for each in work]
            yield
            # asyncio.wait_for of Python 3.11, which redis-py calls, may swallow a cancellation.
            while still := [each for each in going_on if not each.done()]:
                for each in still:
                    each.cancel()
                await asyncio.wait(still, timeout=CANCELLED_AGAIN_AFTER)
    except ExceptionGroup as faults:
        raise faults.exceptions[0] from None


@contextmanager
def _on_sighup(do: Callable[[], None]) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    before = signal.getsignal(signal.SIGHUP)
    loop.add_signal_handler(signal.SIGHUP, do)
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGHUP)
        signal.signal(signal.SIGHUP, before)


def longest_kept(policy: Policy) -> timedelta:
    """How long after it was issued the store may still be shown a refresh token."""
    longest = max(policy.refresh_token_lifetime, policy.short_term_refresh_token_lifetime)
    return longest + LEEWAY


@asynccontextmanager
async def _checked_store(settings: Settings) -> AsyncIterator[tuple[Engine, Fitness]]:
    async with connect(settings.store_url.get_secret_value()) as client:
        fitness = await check_fitness(client)
        yield Engine(client, waits_for_fsync=fitness.waits_for_fsync), fitness


def _password_slots(settings: Settings) -> int:
    # Each worker has its own: together they take no more cores than there are.
    return max(1, cores() // worker_count(settings.workers))
