"""`keys`: make, list, change and publish the keys that tokens are signed with."""

import json
import sys
from datetime import datetime

import click

from token_server.audit import AuditLog
from token_server.cli.adoption import laggards, lines_about
from token_server.cli.arguments import Noun
from token_server.cli.key_acceptance import accept_keyset
from token_server.cli.key_changes import passphrase, revoke, rotate
from token_server.cli.key_export import export
from token_server.cli.key_import import import_key
from token_server.cli.key_outlook import age, outlook
from token_server.cli.keyset import key_policy, keys_of, settings_for_keys
from token_server.cli.names import written
from token_server.problems import Problem
from token_server.signing.jwks import PublicJwkSet
from token_server.signing.keyset_file import as_text
from token_server.signing.lifecycle import Keyset, SigningKey, state
from token_server.signing.rotation import KeyPolicy, is_next_to_sign
from token_server.system import system_clock
from token_server.tokens.ports import Fact

COLUMNS = ("kid", "state", "age", "next change", "why")


@click.group(cls=Noun, name="keys")
def command() -> None:
    """Make, list, change and publish signing keys."""


for verb in (rotate, revoke, import_key, passphrase, accept_keyset, export):
    command.add_command(verb)


@command.command()
def init() -> None:
    """Make the first keyset: the active key, and the pending one that comes after it."""
    settings = settings_for_keys(may_create=True)
    keys = keys_of(settings, meant=True)
    kids = keys.ensure_first(key_size=settings.key_size, now=system_clock())
    if not kids:
        raise Problem(
            f"{keys.where} already exists",
            hint='"token-server keys list" shows the keys it holds',
        )
    audit = AuditLog(sys.stderr, clock=system_clock)
    for kid in kids:
        audit.record(Fact.KEY_MADE, kid=kid)
        click.echo(kid)


@command.command(name="list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_keys(*, as_json: bool) -> None:
    """Show each key's state and age, what comes next for it, and why."""
    settings, now = settings_for_keys(), system_clock()
    keyset = keys_of(settings).load()
    if as_json:
        click.echo(json.dumps([_row(keyset, key, now) for key in keyset.keys], indent=2))
        return
    policy = key_policy(settings)
    lines = [COLUMNS, *(_line(keyset, key, now, policy) for key in keyset.keys)]
    widths = [max(map(len, cells)) for cells in zip(*lines, strict=True)]
    for line in lines:
        cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        click.echo("  ".join(cells).rstrip())
    following = next(key.kid for key in keyset.keys if is_next_to_sign(keyset, key))
    for told in lines_about(laggards(settings, keyset, following), following):
        click.echo(told)


@command.command()
def jwks() -> None:
    """Print the public JWK Set, as it is served."""
    settings = settings_for_keys()
    jwk_set = PublicJwkSet(
        keys_of(settings).load(), propagation_period=settings.key_propagation_period
    )
    click.echo(jwk_set.document(system_clock()).body)


def _row(keyset: Keyset, key: SigningKey, now: datetime) -> dict[str, str | None]:
    return {
        "kid": key.kid,
        "state": state(keyset, key, now),
        "announced_at": as_text(key.announced_at),
        "signs_from": as_text(key.signs_from),
        "stops_at": as_text(key.stops_at),
        "drops_at": as_text(key.drops_at),
    }


def _line(
    keyset: Keyset, key: SigningKey, now: datetime, policy: KeyPolicy
) -> tuple[str, str, str, str, str]:
    seen = outlook(keyset, key, now, policy)
    change = f"{seen.change} {written(seen.at)}" if seen.at else seen.change
    return key.kid, state(keyset, key, now), age(key, now), change, seen.why
