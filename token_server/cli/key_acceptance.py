"""`keys accept`: take a keyset that servers refuse."""

import asyncio
from contextlib import nullcontext
from functools import partial

import click

from token_server.app.keys import keys_keeper, keyset_history, record_keyset_history
from token_server.cli.arguments import Verb
from token_server.cli.keyset import audit_log, key_policy, settings_for_keys, tell_of
from token_server.cli.running import store_of
from token_server.problems import Problem
from token_server.settings import Settings
from token_server.signing.acceptance import Accepted, accept
from token_server.signing.keeper import Changed, KeysKeeper
from token_server.signing.keyset_guard import KeysetGuard, is_taken_back
from token_server.signing.lifecycle import Keyset, state
from token_server.system import system_clock
from token_server.tokens.keyset_history import KeysetHistory
from token_server.tokens.ports import Fact


@click.command(cls=Verb, name="accept")
@click.option("--dry-run", is_flag=True, help="Show the keyset, and change nothing.")
def accept_keyset(*, dry_run: bool) -> None:
    """Accept a keyset that servers refuse: an older one, or one of an earlier release.

    Look at its keys first. A key that was revoked stays revoked.
    """
    settings = settings_for_keys()
    with nullcontext() if settings.keys_url else store_of(settings):
        history = asyncio.run(keyset_history(settings))
        if refusal := _refusal(settings, history):
            _accept(settings, history, refusal, dry_run=dry_run)
        else:
            click.echo("already accepted: servers take the keyset as it is")


def _refusal(settings: Settings, history: KeysetHistory) -> Problem | None:
    """Why servers refuse the keyset; None if they take it."""
    guard = KeysetGuard()
    guard.learn(history)
    try:
        keys_keeper(settings, guard=guard).load()
    except Problem as problem:
        return problem
    return None


def _accept(
    settings: Settings, history: KeysetHistory, refusal: Problem, *, dry_run: bool
) -> None:
    keys = keys_keeper(settings, guard=KeysetGuard(accepts_any=True))
    keyset = keys.load()
    click.echo(f"refused: {refusal.text}", err=True)
    if dry_run:
        _print(keyset, "would accept")
        for kid in history.revoked:
            if is_taken_back(keyset, kid):
                click.echo(f"would revoke: {kid}")
        return
    changed = _change(settings, keys, history)
    while not changed.outcome.is_complete:
        changed = _change(settings, keys, history)
    asyncio.run(record_keyset_history(settings, keys.guard.seen))
    _print(changed.keyset, "accepted")


def _change(settings: Settings, keys: KeysKeeper, history: KeysetHistory) -> Changed[Accepted]:
    changed = keys.change(
        partial(accept, policy=key_policy(settings), history=history),
        key_size=settings.key_size,
        clock=system_clock,
        grace_period=settings.grace_period,
    )
    if kid := changed.outcome.revoked:
        audit_log().record(Fact.KEY_REVOKED, kid=kid)
        click.echo(f"revoked: {kid}")
    tell_of(changed, settings)
    return changed


def _print(keyset: Keyset, verb: str) -> None:
    for key in keyset.keys:
        click.echo(f"{verb}: {key.kid} {state(keyset, key, system_clock())}")
