"""Warn if a key signs before verifiers that keep the JWK Set for long can know it."""

from datetime import datetime, timedelta

import click

from token_server.signing.lifecycle import Keyset
from token_server.tokens.model import Kid

LONGEST_CACHE_TIME = timedelta(hours=24)
"""For which drf-oidc-auth keeps the JWK Set, whatever `kid` it meets (docs/operations.md)."""


def warn_of_long_caches(keyset: Keyset, kid: Kid, at: datetime) -> None:
    """Warn on stderr if the key was announced less than a day before it signs.

    The first keyset announces two keys at once, so any verifier that has one has the other.
    """
    key = keyset.find(kid)
    if key is None or key.announced_at == min(each.announced_at for each in keyset.keys):
        return
    if at < key.announced_at + LONGEST_CACHE_TIME:
        click.echo(
            f"warning: {kid} is announced for less than 24 h when it begins to sign: verifiers "
            "that keep the JWK Set for an hour (@hapi/jwt) or a day (drf-oidc-auth) may refuse "
            "its tokens\nhint: restart those verifiers, so that they fetch the JWK Set again",
            err=True,
        )
