"""`keys import`: take in a key that was made elsewhere."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from getpass import getpass
from pathlib import Path

import click
from cryptography.x509 import Certificate

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
from token_server.problems import Problem
from token_server.settings import Settings
from token_server.signing import certificates, rotation
from token_server.signing.foreign import (
    FORMATS,
    HOW_TO_OPEN,
    LARGEST_FILE,
    read_certificates,
    read_foreign_key,
)
from token_server.signing.foreign_key import ForeignKey
from token_server.signing.keyset_file import as_text, is_kid
from token_server.signing.lifecycle import PublicKey
from token_server.signing.outcomes import AlreadyHeld, AlreadyScheduled, Imported
from token_server.signing.rotation import Role
from token_server.signing.rsa_keys import KeyPair, named_by_thumbprint
from token_server.system import system_clock
from token_server.tokens.model import Kid
from token_server.tokens.ports import Fact

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command(cls=Verb, name="import")
@click.argument("file", type=_FILE)
@click.option("--certificate", type=_FILE, help="Its certificate, where FILE holds none.")
@click.option(
    "--as",
    "role",
    type=click.Choice([role.value for role in Role]),
    default=Role.PENDING.value,
    show_default=True,
    help="Signs as soon as verifiers know it; at the next rotation; or never.",
)
@click.option(
    "--kid",
    "naming",
    metavar="thumbprint|certificate|KID",
    help="RFC 7638; SHA-1 of the certificate; or this very name. "
    "Without it: the name in a JWK, else thumbprint.",
)
def import_key(file: Path, certificate: Path | None, role: str, naming: str | None) -> None:
    """Take in an RSA key that was made elsewhere: PEM, DER, PKCS#12 or JWK.

    The passphrase of FILE, if it has one, is the first line of stdin.
    """
    # The first active key begins a keyset, as `keys init` does.
    settings = settings_for_keys(may_create=role == Role.ACTIVE)
    with _naming(file):
        found = read_foreign_key(_content(file), _passphrase)
    others: tuple[Certificate, ...] = ()
    if certificate:
        with _naming(certificate):
            others = read_certificates(_content(certificate))
    public = _named(found, others, naming)
    pair = KeyPair(public=public, private=found.private) if found.private else None
    if role != Role.VERIFY_ONLY and pair is None:
        raise Problem(
            f"{file} holds no private key", hint="--as verify-only publishes a public key"
        )
    if role == Role.ACTIVE and pair and _is_first(settings, pair):
        return
    _admit(settings, public, Role(role), pair)


@contextmanager
def _naming(file: Path) -> Iterator[None]:
    """Name the file in a problem with its content."""
    try:
        yield
    except Problem as problem:
        raise Problem(f"{file}: {problem.text}", hint=problem.hint) from problem


def _is_first(settings: Settings, pair: KeyPair) -> bool:
    """Whether it begins a keyset: then it signs at once, and a pending key is made for it."""
    made = keys_of(settings, meant=True).ensure_first(
        key_size=settings.key_size, now=system_clock(), active=pair
    )
    if not made:
        return False
    imported, announced = made
    audit_log().record(Fact.KEY_IMPORTED, kid=imported, role=Role.ACTIVE)
    audit_log().record(Fact.KEY_MADE, kid=announced)
    click.echo(f"imported: {imported} signs from now on")
    click.echo(f"announced: {announced}")
    _warn(pair.public, pair)
    return True


def _admit(settings: Settings, public: PublicKey, role: Role, pair: KeyPair | None) -> None:
    changed = change_keyset(
        settings,
        lambda keyset, now: rotation.admit(keyset, public, role, now, key_policy(settings)),
        imported=pair if role is not Role.VERIFY_ONLY else None,
    )
    match changed.outcome:
        case AlreadyHeld(kid=kid):
            raise Problem(
                f"the keyset has this key, or another one of this name: {kid}",
                hint='"token-server keys list" shows the keys it holds',
            )
        case AlreadyScheduled(kid=kid, at=at):
            raise Problem(
                f"a rotation is scheduled: {kid} signs from {as_text(at)}",
                hint="import the key after that, or as pending",
            )
        case Imported(kid=kid, signs_from=signs_from):
            what = {
                Role.ACTIVE: f"signs from {as_text(signs_from)}",
                Role.PENDING: "is the next one to sign",
                Role.VERIFY_ONLY: "is published, and never signs",
            }
            audit_log().record(Fact.KEY_IMPORTED, kid=kid, role=role)
            click.echo(f"imported: {kid} {what[role]}")
    _warn(public, pair)
    tell_of(changed, settings)


def _named(found: ForeignKey, others: tuple[Certificate, ...], naming: str | None) -> PublicKey:
    public = named_by_thumbprint(found.public)
    try:
        x5c = certificates.chain_of(public, (*found.certificates, *others))
    except ValueError as fault:
        raise Problem(
            "no certificate is that of the key", hint="leave it out, or give the right one"
        ) from fault
    return replace(public, x5c=x5c, kid=_kid(public, x5c, naming or found.kid or "thumbprint"))


def _kid(public: PublicKey, x5c: tuple[str, ...], naming: str) -> Kid:
    match naming:
        case "thumbprint":
            return public.kid
        case "certificate" if x5c:
            return Kid(certificates.kid_of(x5c))
        case "certificate":
            raise Problem("there is no certificate to name the key by", hint="--certificate FILE")
        case str() if is_kid(naming):
            return Kid(naming)
        case _:
            raise Problem("a kid has 1 to 256 visible ASCII characters", hint="--kid thumbprint")


def _warn(public: PublicKey, pair: KeyPair | None) -> None:
    if public.x5c and not certificates.is_valid(public.x5c, system_clock()):
        hint("the certificate is not valid now: a verifier that checks it will refuse it")
    if pair:
        hint("the file that it came from still holds the private key: destroy it")


def _content(file: Path) -> bytes:
    try:
        with file.open("rb") as opened:
            content = opened.read(LARGEST_FILE + 1)
    except OSError as error:
        raise Problem(
            f"{file} cannot be read: {error.strerror}", hint="let this user read the file"
        ) from error
    if len(content) > LARGEST_FILE:
        raise Problem(f"{file} is too large for a key", hint=FORMATS)
    return content


def _passphrase() -> bytes:
    if sys.stdin is None:  # closed: `keys import FILE <&-`
        return _given(b"")
    if sys.stdin.isatty():
        try:
            return _given(getpass("Passphrase of the file: ").encode())
        except EOFError:
            return _given(b"")
    return _given(sys.stdin.buffer.readline().removesuffix(b"\n").removesuffix(b"\r"))


def _given(passphrase: bytes) -> bytes:
    if not passphrase:
        raise Problem(
            "the file is encrypted, and its passphrase is not on stdin",
            hint=HOW_TO_OPEN,
        )
    return passphrase
