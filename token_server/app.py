"""The composition root: settings in, ASGI app out. The one file that knows everybody."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

import structlog
from starlette.types import ASGIApp

from token_server.accounts.log_in import PasswordLogIn
from token_server.accounts.passwords import Passwords
from token_server.audit import AuditLog
from token_server.logs import log_to
from token_server.problems import Problem
from token_server.settings import Settings
from token_server.signing.jwks import PublicJwkSet
from token_server.signing.keystore import KeysDirectory
from token_server.signing.signer import KeysetSigner
from token_server.store.accounts import Accounts
from token_server.store.attempts import Attempts
from token_server.store.connect import connect
from token_server.store.engine import Engine
from token_server.store.fitness import check_fitness
from token_server.store.memory import StoreMemory, load_secret
from token_server.store.sessions import SessionEnds, Sessions
from token_server.system import RandomIds, cores, system_clock
from token_server.tokens.identity import TokenIds
from token_server.tokens.model import LEEWAY, Policy
from token_server.tokens.ports import Audit, Clock, Fact
from token_server.tokens.refusals import TemporarilyUnavailable
from token_server.tokens.rules import TokenRules
from token_server.web.routes import Doors, build_app


@dataclass(frozen=True, slots=True, kw_only=True)
class Core:
    """What the web and the CLI both stand on."""

    tokens: TokenRules
    signer: KeysetSigner
    jwk_set: PublicJwkSet
    memory: StoreMemory
    accounts: Accounts


def prepare(settings: Settings) -> None:
    """What must be so before any worker starts: a first keyset, and a store that is fit.

    Raises: Problem.
    """
    log_to(sys.stderr)
    made = keys_directory(settings).ensure_first(key_size=settings.key_size, now=system_clock())
    audit = AuditLog(sys.stdout, clock=system_clock)
    for kid in made:
        audit.record(Fact.KEY_MADE, kid=kid)
    asyncio.run(_tell_shortfalls(settings))


@asynccontextmanager
async def open_app(settings: Settings, *, clock: Clock = system_clock) -> AsyncIterator[ASGIApp]:
    """One worker's app, connected. Raises: Problem."""
    log_to(sys.stderr)
    audit = AuditLog(sys.stdout, clock=clock)
    async with open_engine(settings) as engine:
        try:
            core = await open_core(settings, engine, audit, clock)
        except TemporarilyUnavailable as fault:
            raise Problem(f"the store cannot be used ({fault.reason})") from fault

        async def check_readiness() -> None:
            await core.memory.check()
            await engine.probe()

        yield build_app(
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
                jwk_set=core.jwk_set,
                readiness=check_readiness,
                clock=clock,
                dialects=settings.dialects,
            )
        )


@asynccontextmanager
async def open_engine(settings: Settings) -> AsyncIterator[Engine]:
    """The store that the settings name, which must be running. Raises: Problem."""
    client = connect(settings.store_url.get_secret_value())
    try:
        fitness = await check_fitness(client)
        yield Engine(client, waits_for_fsync=fitness.waits_for_fsync)
    finally:
        await client.aclose()


async def open_core(settings: Settings, engine: Engine, audit: Audit, clock: Clock) -> Core:
    """Raises: Problem, StoreUnavailable."""
    secret = await load_secret(engine)
    memory = StoreMemory(engine, secret)
    policy = settings.policy()
    keys = keys_directory(settings)
    keyset = keys.load()
    signer = KeysetSigner(
        keyset, keys.private_keys(keyset, clock()), grace_period=policy.grace_period
    )
    tokens = TokenRules(
        store=Sessions(engine, memory, keep=longest_kept(policy)),
        signer=signer,
        clock=clock,
        ids=RandomIds(),
        token_ids=TokenIds(secret),
        audit=audit,
        policy=policy,
        issuer=settings.issuer,
    )
    return Core(
        tokens=tokens,
        signer=signer,
        jwk_set=PublicJwkSet(keyset, propagation_period=settings.key_propagation_period),
        memory=memory,
        accounts=accounts_on(engine, settings),
    )


def keys_directory(settings: Settings) -> KeysDirectory:
    return KeysDirectory(settings.keys_dir, passphrase_file=settings.keys_passphrase_file)


def accounts_on(engine: Engine, settings: Settings) -> Accounts:
    return Accounts(engine, keep=longest_kept(settings.policy()))


def session_ends(engine: Engine, settings: Settings) -> SessionEnds:
    return SessionEnds(engine, keep=longest_kept(settings.policy()))


def longest_kept(policy: Policy) -> timedelta:
    """How long after it was issued the store may still be shown a refresh token."""
    longest = max(policy.refresh_token_lifetime, policy.short_term_refresh_token_lifetime)
    return longest + LEEWAY


def _password_slots(settings: Settings) -> int:
    # Each worker has its own: together they take no more cores than there are.
    return max(1, cores() // (settings.workers or cores()))


async def _tell_shortfalls(settings: Settings) -> None:
    client = connect(settings.store_url.get_secret_value())
    try:
        for shortfall in (await check_fitness(client)).warnings:
            structlog.get_logger().warning(shortfall.text, hint=shortfall.fix)
    finally:
        await client.aclose()
