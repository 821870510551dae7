"""What the commands on keys share: the settings, the policy, what is said after a change."""

import asyncio
import sys
from contextlib import suppress
from datetime import timedelta
from typing import TypeVar

import click

from token_server.app.keys import keys_keeper, keyset_history, record_keyset_history
from token_server.audit import AuditLog
from token_server.cli.running import store_of
from token_server.problems import Problem
from token_server.settings import Settings, load_settings
from token_server.signing.keeper import Changed, Command, KeysKeeper
from token_server.signing.keyset_guard import KeysetGuard
from token_server.signing.rotation import KeyPolicy
from token_server.signing.rsa_keys import KeyPair
from token_server.system import system_clock
from token_server.tokens.ports import Audit, Fact

T = TypeVar("T")

SLOWEST_PICK_UP = timedelta(seconds=5)


def settings_for_keys(*, may_create: bool = False) -> Settings:
    """The settings; where the store holds the keys, it runs until the command has ended."""
    settings = load_settings()
    if settings.keys_url:
        click.get_current_context().with_resource(store_of(settings, must_exist=not may_create))
    return settings


def keys_of(settings: Settings, *, meant: bool = False) -> KeysKeeper:
    """The keys, checked against what servers have seen, if the store answers. Raises: Problem.

    `meant`: see StoredKeyset.
    """
    guard = KeysetGuard()
    with suppress(Problem):
        guard.learn(asyncio.run(keyset_history(settings)))
    return keys_keeper(settings, meant=meant, guard=guard)


def key_policy(settings: Settings) -> KeyPolicy:
    return KeyPolicy(
        propagation_period=settings.key_propagation_period,
        rotation_interval=settings.key_rotation_interval,
    )


def audit_log() -> Audit:
    # Results have stdout for themselves; the audit lines of a command go where its talk goes.
    return AuditLog(sys.stderr, clock=system_clock)


def change_keyset(
    settings: Settings, command: Command[T], *, imported: KeyPair | None = None
) -> Changed[T]:
    """Raises: Problem."""
    keys = keys_of(settings)
    changed = keys.change(
        command,
        key_size=settings.key_size,
        clock=system_clock,
        grace_period=settings.grace_period,
        imported=imported,
    )
    if changed.is_change:
        # A running server does the same at its next look.
        with suppress(Problem):
            asyncio.run(record_keyset_history(settings, keys.guard.seen))
    return changed


def tell_of(changed: Changed[T], settings: Settings) -> None:
    """What else has happened, and when it reaches the servers."""
    if changed.announced:
        audit_log().record(Fact.KEY_MADE, kid=changed.announced)
        click.echo(f"announced: {changed.announced}")
    for kid in changed.destroyed:
        audit_log().record(Fact.KEY_DESTROYED, kid=kid)
        click.echo(f"token-server: destroyed the private key of {kid}", err=True)
    if changed.is_change:
        limit = min(SLOWEST_PICK_UP, key_policy(settings).pick_up_period).total_seconds()
        hint(f"running servers pick this up within {limit:g} s; none needs a restart")


def hint(text: str) -> None:
    click.echo(f"hint: {text}", err=True)
