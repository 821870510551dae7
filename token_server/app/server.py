"""What a worker serves."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog
from starlette.types import ASGIApp

from token_server.accounts.clients.desk import ClientDesk
from token_server.accounts.clients.live import LiveClients
from token_server.accounts.log_in import PasswordLogIn
from token_server.accounts.passwords import Passwords
from token_server.accounts.profile import AccountProfiles
from token_server.app.core import Core, open_core
from token_server.app.guessing import log_in_limits, secret_guesses
from token_server.app.keys import key_times, keys_keeper, keys_tidier, policies
from token_server.app.store import Briefing
from token_server.audit import AuditLog
from token_server.rounds import beside, on_sighup
from token_server.settings import Settings
from token_server.signing import crypto_mb
from token_server.store.connect import connect
from token_server.store.engine import Engine
from token_server.store.single_use import UsedOnce
from token_server.store.verifiers import Verifiers
from token_server.system import cores, system_clock, worker_count
from token_server.tokens.ports import Audit, Clock
from token_server.tokens.services import Readiness
from token_server.web.routes import Doors, build_app


@asynccontextmanager
async def open_app(
    settings: Settings, briefing: bytes, *, clock: Clock = system_clock
) -> AsyncIterator[ASGIApp]:
    """One worker's app; the store need not answer yet. Raises: Problem."""
    audit, met = AuditLog(sys.stdout, clock=clock), Briefing.from_bytes(briefing)
    async with connect(settings.store_url.get_secret_value()) as client:
        engine = Engine(client, waits_for_fsync=met.waits_for_fsync)
        times, keys = key_times(settings, policies(settings)), keys_keeper(settings, met)
        registry = LiveClients(settings.clients_file, settings.policy())
        core = await open_core(
            settings, engine, met, audit, clock, times=times, keys=keys, find_client=registry.find
        )
        verifiers = Verifiers(engine)
        clients = _clients(settings, registry, engine, core, clock)
        app = build_app(
            Doors(
                tokens=core.tokens,
                log_in=_log_in(settings, engine, core, audit, clock),
                clients=registry,
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
                anonymous=settings.anonymous_grants,
                profiles=AccountProfiles(core.accounts),
                cors_origins=settings.cors_origins,
            )
        )
        tidying = core.reload.keep_tidy(keys_tidier(settings, keys, times, clock, audit))
        following = (core.reload.follow(), tidying, registry.run(), core.watch.follow())
        async with beside(*following, verifiers.keep_writing(clock)):
            with on_sighup(core.reload.wake, registry.wake, core.watch.wake):
                _tell_how_it_signs(settings)
                yield app


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
        limits=log_in_limits(engine),
        passwords=Passwords(slots=_password_slots(settings)),
        clock=clock,
        audit=audit,
    )


def _clients(
    settings: Settings, registry: LiveClients, engine: Engine, core: Core, clock: Clock
) -> ClientDesk:
    return ClientDesk.open(
        registry,
        issuer=settings.issuer,
        token_endpoint=f"{settings.issuer}/api/oauth2/token",
        single_use=UsedOnce(engine, core.memory),
        guesses=secret_guesses(engine),
        accounts=core.accounts,
        clock=clock,
    )


def _reusable_dialects(settings: Settings) -> list[str]:
    policies = {
        "json": settings.json_refresh_policy,
        "header": settings.header_refresh_policy,
    }
    return [dialect for dialect, policy in policies.items() if policy == "reusable"]


def _password_slots(settings: Settings) -> int:
    # Each worker has its own: together they take no more cores than there are.
    return max(1, cores() // worker_count(settings.workers))


def _tell_how_it_signs(settings: Settings) -> None:
    """Capacity depends on it, and nothing else does."""
    log = structlog.get_logger(__name__)
    if settings.multi_buffer_signing == "off":
        log.info("all keys sign one by one", because="MULTI_BUFFER_SIGNING is off")
        return
    try:
        by = crypto_mb.library().told
    except crypto_mb.Unavailable as why:
        log.info("all keys sign one by one", because=str(why))
    else:
        log.info("keys of 2048 bits sign eight at once under load", by=by)
