"""`keys rotate`, `keys revoke`, `keys passphrase`: routine, and the way out of trouble."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import click

from token_server.cli.adoption import laggards, lines_about
from token_server.cli.arguments import Verb
from token_server.cli.keyset import (
    audit_log,
    change_keyset,
    hint,
    key_policy,
    keys_of,
    settings_for_keys,
    tell_of,
)
from token_server.cli.verifier_caches import warn_of_long_caches
from token_server.problems import Problem
from token_server.settings import Settings
from token_server.signing import rotation
from token_server.signing.keyset_file import as_text
from token_server.signing.lifecycle import Keyset, KeyState
from token_server.signing.outcomes import (
    AlreadyRevoked,
    AlreadyRotated,
    AlreadyScheduled,
    NotDue,
    Revoked,
    Rotated,
    Rotation,
    Scheduled,
    UnknownKid,
)
from token_server.system import system_clock
from token_server.tokens.model import Kid
from token_server.tokens.ports import Fact


@dataclass(frozen=True, slots=True, kw_only=True)
class _Told:
    """An outcome in words, and for the audit log where it is a change."""

    line: str
    hint: str | None = None
    fact: Fact | None = None
    ids: Mapping[str, str] = field(default_factory=dict)


@click.command(cls=Verb)
@click.option("--now", "at_once", is_flag=True, help="Whatever the age of the active key.")
@click.option("--dry-run", is_flag=True, help="Say what would be done, and change nothing.")
def rotate(*, at_once: bool, dry_run: bool) -> None:
    """Let the pending key sign, where the active one is due (KEY_ROTATION_INTERVAL).

    It waits until verifiers know the pending key. Safe to run from cron, and on every host.
    """
    settings = settings_for_keys()
    command = partial(rotation.rotate, policy=key_policy(settings), at_once=at_once)
    before = keys_of(settings).load()
    now = system_clock()
    planned = command(before, now).outcome
    if isinstance(planned, Rotated):
        _warn_of_laggards(settings, before, planned.kid)
    if isinstance(planned, Rotated | Scheduled):
        signs_from = planned.at if isinstance(planned, Scheduled) else now
        warn_of_long_caches(before, planned.kid, signs_from)
    if dry_run:
        click.echo(f"dry run: {_of_rotation(planned).line}")
        return
    changed = change_keyset(settings, command)
    _tell(_of_rotation(changed.outcome))
    tell_of(changed, settings)


# A thumbprint may begin with a hyphen.
@click.command(cls=Verb, context_settings={"ignore_unknown_options": True})
@click.argument("kid")
def revoke(kid: str) -> None:
    """Take a stolen key out at once; another one signs, and no session ends.

    Its access tokens are refused. Its refresh tokens are honoured: a thief of the key cannot
    make one.
    """
    settings = settings_for_keys()
    changed = change_keyset(
        settings,
        lambda keyset, now: rotation.revoke(keyset, Kid(kid), now, key_policy(settings)),
    )
    match changed.outcome:
        case UnknownKid():
            raise Problem(
                "the keyset has no key of this kid",
                hint='"token-server keys list" shows the keys it holds',
            )
        case AlreadyRevoked(revoked_at=revoked_at):
            _tell(_Told(line=f"already revoked: {kid} since {as_text(revoked_at)}"))
        case Revoked():
            _tell_revoked(changed.outcome, settings)
            if changed.outcome.was is KeyState.ACTIVE:
                warn_of_long_caches(changed.keyset, changed.outcome.signing, system_clock())
    tell_of(changed, settings)


@click.command(cls=Verb)
@click.option(
    "--to",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The file that holds the new passphrase.",
)
@click.option("--plain", is_flag=True, help="Without a passphrase from now on.")
def passphrase(to: Path | None, *, plain: bool) -> None:
    """Encrypt every private key again: with the passphrase in FILE, or KEYS_PASSPHRASE_FILE.

    KEYS_PASSPHRASE_FILE names the one that they are encrypted with now, if any.
    """
    if to and plain:
        raise click.UsageError("name either --to FILE or --plain")
    settings = settings_for_keys()
    if not to and not plain:
        to = settings.keys_passphrase_file
        if to is None:
            raise click.UsageError("name --to FILE, or --plain, or set KEYS_PASSPHRASE_FILE")
    for kid in keys_of(settings).change_passphrase(to):
        click.echo(f"{'encrypted' if to else 'plain'}: {kid}")
    if to != settings.keys_passphrase_file:
        setting = f"must name {to}" if to else "must not be set"
        hint(f"KEYS_PASSPHRASE_FILE {setting} from now on")


def _warn_of_laggards(settings: Settings, keyset: Keyset, kid: Kid) -> None:
    """Verifiers that do not know the key that is about to sign, for all that we have seen."""
    for at, line in enumerate(lines_about(laggards(settings, keyset, kid), kid)):
        click.echo(line if at else f"warning: {line}", err=True)


def _of_rotation(outcome: Rotation) -> _Told:
    match outcome:
        case Rotated(kid=kid, before=before):
            return _Told(
                line=f"rotated: {kid} signs from now on",
                fact=Fact.KEY_ROTATED,
                ids={"kid": kid, "before": before},
            )
        case Scheduled(kid=kid, at=at):
            return _Told(
                line=f"scheduled: {kid} signs from {as_text(at)}",
                hint="until then a verifier may hold a JWK Set without it; nothing is left to do",
                fact=Fact.KEY_SCHEDULED,
                ids={"kid": kid, "signs_from": at.isoformat()},
            )
        case NotDue(kid=kid, due_at=due_at):
            return _Told(
                line=f"not due: {kid} is due for rotation from {as_text(due_at)}",
                hint="--now rotates it whatever its age",
            )
        case AlreadyScheduled(kid=kid, at=at):
            return _Told(line=f"already scheduled: {kid} signs from {as_text(at)}")
        case AlreadyRotated(kid=kid, since=since, ask_again_at=ask_again_at):
            return _Told(
                line=f"already rotated: {kid} signs since {as_text(since)}",
                hint="not every server may have noticed yet; "
                f"ask again from {as_text(ask_again_at)}",
            )


def _tell_revoked(revoked: Revoked, settings: Settings) -> None:
    _tell(
        _Told(
            line=f"revoked: {revoked.kid}",
            fact=Fact.KEY_REVOKED,
            ids={"kid": revoked.kid, "was": revoked.was, "signing": revoked.signing},
        )
    )
    click.echo(f"signing: {revoked.signing}")
    if revoked.was is not KeyState.PENDING or revoked.cancelled:
        cached = (settings.key_propagation_period / 2).total_seconds()
        hint(
            f"verifiers that honour max-age accept its access tokens for up to {cached:g} s more, "
            "others for up to a day, or until their key file changes: restart them"
        )
    if revoked.cancelled:
        hint("the rotation to it is off")
    if revoked.known_from:
        hint(
            f"until {as_text(revoked.known_from)} a verifier may not know {revoked.signing}, "
            "and refuse its access tokens until it fetches the JWK Set again"
        )


def _tell(told: _Told) -> None:
    if told.fact:
        audit_log().record(told.fact, **told.ids)
    click.echo(told.line)
    if told.hint:
        hint(told.hint)
