"""What a server does before its workers start."""

import asyncio
import sys

import structlog

from token_server.accounts.clients.file import load_clients
from token_server.app.keys import check_that_no_keyset_is_lost, keys_keeper, keyset_history
from token_server.app.memory import meet_store
from token_server.app.names import report_names
from token_server.app.warnings import warnings_of
from token_server.audit import AuditLog
from token_server.settings import Settings
from token_server.signing.keyset_guard import KeysetGuard
from token_server.system import system_clock
from token_server.tokens.ports import Fact

log = structlog.get_logger(__name__)


def prepare(settings: Settings) -> bytes:
    """What must be so before any worker starts: a first keyset, and a store that is fit.

    Answers the briefing of the workers. Raises: Problem.
    """
    clients = load_clients(settings.clients_file, settings.policy()).clients
    asyncio.run(check_that_no_keyset_is_lost(settings))
    guard = KeysetGuard()
    guard.learn(asyncio.run(keyset_history(settings)))
    keys = keys_keeper(settings, guard=guard)
    made = keys.ensure_first(key_size=settings.key_size, now=system_clock())
    audit = AuditLog(sys.stdout, clock=system_clock)
    for kid in made:
        audit.record(Fact.KEY_MADE, kid=kid)
    keys.load()
    met = asyncio.run(meet_store(settings))
    if met.secret is not None:
        asyncio.run(report_names(settings, clients))
    for each in warnings_of(settings, now=system_clock()):
        log.warning(each.text, hint=each.hint)
    return met.to_bytes()


def report_policies(settings: Settings) -> None:
    """Log what a default costs, once the server is up."""
    if "header" in settings.dialects and settings.header_refresh_policy == "reusable":
        log.info(
            "refresh tokens of the header dialect are reusable: a stolen one works until it "
            "expires or its session is ended (RFC 9700 section 4.14.2)",
            hint="HEADER_REFRESH_POLICY=rotating follows the RFC",
        )
