"""Warnings about settings that are valid, but that are probably a mistake.

`config check` prints them and `serve` logs them. A new one is a function in `_CHECKS`.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

from cryptography import x509

from token_server.app.time_warnings import contradictions
from token_server.durations import write_duration
from token_server.host_names import is_loopback
from token_server.problems import Problem
from token_server.settings import Settings
from token_server.signing.pem import MIN_PASSPHRASE_BYTES, read_passphrase
from token_server.store.issuers import KEPT

COMMON_CACHE_TIME = timedelta(minutes=10)
"""For which jose and jwks-rsa keep a JWK Set (docs/operations.md)."""
EXPIRY_NOTICE = timedelta(days=30)


def warnings_of(settings: Settings, *, now: datetime) -> Iterator[Problem]:
    """Yield each warning: one line that says what is wrong, and a hint."""
    for check in _CHECKS:
        yield from check(settings, now)


def certificate_warnings(file: Path, *, now: datetime) -> Iterator[Problem]:
    """Yield a warning if the certificate is not valid now, or not for much longer."""
    try:
        certificate = x509.load_pem_x509_certificate(file.read_bytes())
    except (OSError, ValueError):
        return  # The server does not start with it, and says why.
    starts_at, ends_at = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if now < starts_at:
        text = f"the certificate in TLS_CERT_FILE is not valid before {starts_at.isoformat()}"
    elif now >= ends_at:
        text = f"the certificate in TLS_CERT_FILE expired at {ends_at.isoformat()}"
    elif now >= ends_at - EXPIRY_NOTICE:
        text = f"the certificate in TLS_CERT_FILE expires at {ends_at.isoformat()}"
    else:
        return
    hint = "check the clock of this machine" if now < starts_at else "renew the certificate"
    yield Problem(text, hint=f"{hint} ({file})")


def _certificate(settings: Settings, now: datetime) -> Iterator[Problem]:
    if settings.tls_cert_file is not None:
        yield from certificate_warnings(settings.tls_cert_file, now=now)


def _plain_http(settings: Settings, _now: datetime) -> Iterator[Problem]:
    if settings.tls_cert_file is None and not is_loopback(settings.host):
        yield Problem(
            f"tokens and passwords are sent without TLS on HOST {settings.host}",
            hint="set TLS_CERT_FILE and TLS_KEY_FILE, or let only a TLS proxy reach the port",
        )


def _http_issuer(settings: Settings, _now: datetime) -> Iterator[Problem]:
    parts = urlsplit(settings.issuer)
    if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
        yield Problem(
            f"ISSUER {settings.issuer} is an http URL: verifiers fetch the keys without TLS",
            hint="set ISSUER to the https URL under which clients reach the server",
        )


def _default_issuer(settings: Settings, _now: datetime) -> Iterator[Problem]:
    defaults = Settings.model_fields
    if settings.issuer != defaults["issuer"].default:
        return
    elsewhere = []
    if not is_loopback(settings.host):
        elsewhere.append(f"HOST is {settings.host}")
    if settings.port not in {0, defaults["port"].default}:
        elsewhere.append(f"PORT is {settings.port}")
    if settings.tls_cert_file is not None:
        elsewhere.append("the server speaks TLS")
    if elsewhere:
        yield Problem(
            f"ISSUER is {settings.issuer}, its default, but {' and '.join(elsewhere)}: "
            "verifiers look for the keys at the issuer",
            hint="set ISSUER to the URL under which clients and verifiers reach the server",
        )


def other_issuers(settings: Settings, others: Sequence[str]) -> Iterator[Problem]:
    """Yield a warning if servers with other issuers have used the store lately."""
    if others:
        yield Problem(
            f"ISSUER is {settings.issuer}, but servers of this store were started with "
            f"{', '.join(others)} in the last {KEPT.days} days: "
            "a token of one is refused by verifiers of the other",
            hint="set the same ISSUER on every server; ignore this if it was changed on purpose",
        )


def _short_passphrase(settings: Settings, _now: datetime) -> Iterator[Problem]:
    # An earlier release took any passphrase, so keys may be encrypted with a short one.
    try:
        passphrase = read_passphrase(settings.keys_passphrase_file)
    except Problem:
        return  # The server does not start with it, and says why.
    if passphrase is not None and len(passphrase) < MIN_PASSPHRASE_BYTES:
        yield Problem(
            f"the passphrase in KEYS_PASSPHRASE_FILE has {len(passphrase)} bytes, "
            f"fewer than {MIN_PASSPHRASE_BYTES}",
            hint='make another file with "openssl rand -base64 32", then run '
            '"token-server keys passphrase --to FILE"',
        )


def _short_propagation_period(settings: Settings, _now: datetime) -> Iterator[Problem]:
    if settings.key_propagation_period < COMMON_CACHE_TIME:
        yield Problem(
            f"KEY_PROPAGATION_PERIOD is {write_duration(settings.key_propagation_period)}: "
            "many verifiers cache the JWK Set for 10 minutes, whatever its max-age says",
            hint="set KEY_PROPAGATION_PERIOD to 10m or more, unless all verifiers honour max-age",
        )


_CHECKS: tuple[Callable[[Settings, datetime], Iterator[Problem]], ...] = (
    _plain_http,
    _http_issuer,
    _default_issuer,
    contradictions,
    _certificate,
    _short_passphrase,
    _short_propagation_period,
)
