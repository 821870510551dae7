"""The composition root: settings in, ASGI app out. The one file that knows everybody."""

import asyncio
import sys
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Self

import structlog
from starlette.types import ASGIApp

from token_server.accounts.clients.desk import ClientDesk
from token_server.accounts.clients.file import load_clients
from token_server.accounts.log_in import PasswordLogIn
from token_server.accounts.passwords import Passwords
from token_server.accounts.profile import AccountProfiles
from token_server.audit import AuditLog
from token_server.logs import log_to
from token_server.problems import Problem
from token_server.rounds import beside, on_sighup
from token_server.settings import Settings
from token_server.signing.keystore import KeysDirectory
from token_server.signing.reader import KeysetReader, KeyTimes
from token_server.signing.reload import KeysetReload
from token_server.signing.tidying import KeysTidier
from token_server.store.accounts import Accounts, RememberedAccounts
from token_server.store.attempts import Attempts
from token_server.store.connect import connect
from token_server.store.engine import Engine
from token_server.store.fitness import Fitness, check_fitness
from token_server.store.key_expiries import StoredKeyExpiries
from token_server.store.memory import StoreMemory, load_secret
from token_server.store.sessions import SessionEnds, Sessions
from token_server.store.single_use import UsedOnce
from token_server.store.verifiers import Verifiers
from token_server.system import RandomIds, cores, system_clock, worker_count
from token_server.tokens.identity import TokenIds
from token_server.tokens.model import LEEWAY, Policy
from token_server.tokens.ports import Audit, Clock, Fact
from token_server.tokens.refusals import TemporarilyUnavailable
from token_server.tokens.rules import TokenRules
from token_server.tokens.services import Readiness
from token_server.web.routes import Doors, build_app


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
    load_clients(settings.clients_file, settings.policy())
    made = keys_directory(settings).ensure_first(key_size=settings.key_size, now=system_clock())
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
        key_times = _key_times(settings, _policies(settings))
        core = await open_core(settings, engine, met.secret, audit, clock, key_times=key_times)

        verifiers = Verifiers(engine)
        clients = _clients(settings, engine, core, clock)
        app = build_app(
            Doors(
                tokens=core.tokens,
                log_in=_log_in(settings, engine, core, audit, clock),
                clients=clients.registry,
                authentication=clients.authentication,
                assertions=clients.assertions,
                issuer=settings.issuer,
                audit=audit,
                jwk_set=core.reload.live,
                verifiers=verifiers,
                readiness=_readiness(engine, core, clock),
                clock=clock,
                dialects=settings.dialects,
                reusable=_reusable_dialects(settings),
                profiles=AccountProfiles(core.accounts),
                cors_origins=settings.cors_origins,
            )
        )
        looking = core.reload.run(_tidier(settings, key_times, clock, audit))
        async with beside(looking, clients.registry.run(), verifiers.keep_writing(clock)):
            with on_sighup(core.reload.wake, clients.registry.wake):
                yield app


@asynccontextmanager
async def open_engine(settings: Settings) -> AsyncIterator[Engine]:
    """The store that the settings name, which must be running and fit. Raises: Problem."""
    async with _checked_store(settings) as (engine, _):
        yield engine


async def open_core_alone(settings: Settings, engine: Engine, audit: Audit, clock: Clock) -> Core:
    """For a command, which no server has briefed. Raises: Problem, StoreUnavailable."""
    secret, key_times = await load_secret(engine), _key_times(settings, [settings.policy()])
    return await open_core(settings, engine, secret, audit, clock, key_times=key_times)


async def open_core(  # noqa: PLR0913 - each by its name
    settings: Settings,
    engine: Engine,
    secret: bytes,
    audit: Audit,
    clock: Clock,
    *,
    key_times: KeyTimes,
) -> Core:
    """Raises: Problem."""
    memory = StoreMemory(engine, secret)
    policy = settings.policy()
    key_expiries = StoredKeyExpiries(engine, propagation_period=settings.key_propagation_period)
    reload = await KeysetReload.open(
        KeysetReader(keys_directory(settings), key_times), key_expiries, clock
    )
    tokens = TokenRules(
        store=Sessions(engine, memory, keep=longest_kept(policy)),
        signer=reload.live,
        keyset_watch=reload,
        key_expiries=key_expiries,
        clock=clock,
        ids=RandomIds(),
        token_ids=TokenIds(secret),
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


def keys_directory(settings: Settings) -> KeysDirectory:
    return KeysDirectory(settings.keys_dir, passphrase_file=settings.keys_passphrase_file)


def accounts_on(engine: Engine, settings: Settings) -> Accounts:
    return Accounts(engine, keep=longest_kept(settings.policy()))


def session_ends(engine: Engine, settings: Settings) -> SessionEnds:
    return SessionEnds(engine, keep=longest_kept(settings.policy()))


def _policies(settings: Settings) -> list[Policy]:
    """Those that tokens are issued by. Raises: Problem."""
    policy = settings.policy()
    registered = load_clients(settings.clients_file, policy).clients.values()
    return [policy, *(each.client.policy for each in registered)]


def _key_times(settings: Settings, policies: Iterable[Policy]) -> KeyTimes:
    return KeyTimes(
        grace_period=settings.grace_period,
        propagation_period=settings.key_propagation_period,
        longest_lifetime=max(
            policy.longest_lifetime(short_term=short_term)
            for policy in policies
            for short_term in (False, True)
        ),
    )


def _readiness(engine: Engine, core: Core, clock: Clock) -> Readiness:
    async def check() -> None:
        core.reload.live.signing_kid(clock())
        await core.memory.check()
        await engine.probe()

    return check


def _log_in(
    settings: Settings, engine: Engine, core: Core, audit: Audit, clock: Clock
) -> PasswordLogIn:
    return PasswordLogIn(
        accounts=core.accounts,
        attempts=Attempts(engine),
        passwords=Passwords(slots=_password_slots(settings)),
        clock=clock,
        audit=audit,
    )


def _clients(settings: Settings, engine: Engine, core: Core, clock: Clock) -> ClientDesk:
    """Raises: Problem."""
    return ClientDesk.open(
        settings.clients_file,
        settings.policy(),
        issuer=settings.issuer,
        token_endpoint=f"{settings.issuer}/api/oauth2/token",
        single_use=UsedOnce(engine, core.memory),
        clock=clock,
    )


def _tidier(settings: Settings, key_times: KeyTimes, clock: Clock, audit: Audit) -> KeysTidier:
    return KeysTidier(
        keys_directory(settings),
        key_times,
        key_size=settings.key_size,
        clock=clock,
        audit=audit,
    )


def longest_kept(policy: Policy) -> timedelta:
    """How long after it was issued the store may still be shown a refresh token.

    Those of clients that have longer lifetimes keep their subject's record themselves.
    """
    longest = max(policy.refresh_token_lifetime, policy.short_term_refresh_token_lifetime)
    return longest + LEEWAY


@asynccontextmanager
async def _checked_store(settings: Settings) -> AsyncIterator[tuple[Engine, Fitness]]:
    async with connect(settings.store_url.get_secret_value()) as client:
        fitness = await check_fitness(client)
        yield Engine(client, waits_for_fsync=fitness.waits_for_fsync), fitness


def _reusable_dialects(settings: Settings) -> list[str]:
    policies = {
        "json": settings.json_refresh_policy,
        "header": settings.header_refresh_policy,
    }
    return [dialect for dialect, policy in policies.items() if policy == "reusable"]


def _password_slots(settings: Settings) -> int:
    # Each worker has its own: together they take no more cores than there are.
    return max(1, cores() // worker_count(settings.workers))
