"""`token-server keys`: make, list and publish the keys that tokens are signed with."""

import json
import sys
from datetime import datetime

import click

from token_server.audit import AuditLog
from token_server.problems import Problem
from token_server.settings import Settings, load_settings
from token_server.signing.jwks import PublicJwkSet
from token_server.signing.keyset_file import as_text
from token_server.signing.keystore import KeysDirectory
from token_server.signing.lifecycle import Keyset, state
from token_server.system import system_clock
from token_server.tokens.ports import Fact

COLUMNS = ("kid", "state", "announced_at", "signs_from", "stops_at", "drops_at")


@click.group(name="keys")
def command() -> None:
    """Make, list and publish signing keys."""


@command.command()
def init() -> None:
    """Make the first keyset: the active key, and the pending one that comes after it."""
    settings = load_settings()
    keys = _keys_directory(settings)
    kids = keys.ensure_first(key_size=settings.key_size, now=system_clock())
    if not kids:
        raise Problem(
            f"{keys.keyset_path} already exists",
            hint='"token-server keys list" shows the keys it holds',
        )
    audit = AuditLog(sys.stderr, clock=system_clock)
    for kid in kids:
        audit.record(Fact.KEY_MADE, kid=kid)
        click.echo(kid)


@command.command(name="list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_keys(*, as_json: bool) -> None:
    """Show each key's state and the moments recorded about it."""
    rows = _rows(_keys_directory(load_settings()).load(), system_clock())
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    lines = [COLUMNS, *([row[column] or "-" for column in COLUMNS] for row in rows)]
    widths = [max(map(len, cells)) for cells in zip(*lines, strict=True)]
    for line in lines:
        cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        click.echo("  ".join(cells).rstrip())


@command.command()
def jwks() -> None:
    """Print the public JWK Set, as it is served."""
    settings = load_settings()
    jwk_set = PublicJwkSet(
        _keys_directory(settings).load(), propagation_period=settings.key_propagation_period
    )
    click.echo(jwk_set.document(system_clock()).body)


def _keys_directory(settings: Settings) -> KeysDirectory:
    return KeysDirectory(settings.keys_dir, passphrase_file=settings.keys_passphrase_file)


def _rows(keyset: Keyset, now: datetime) -> list[dict[str, str | None]]:
    return [
        {
            "kid": key.kid,
            "state": state(keyset, key, now),
            "announced_at": as_text(key.announced_at),
            "signs_from": as_text(key.signs_from),
            "stops_at": as_text(key.stops_at),
            "drops_at": as_text(key.drops_at),
        }
        for key in keyset.keys
    ]
