"""Warnings about settings that are valid, but that are probably a mistake.

`config check` prints them and `serve` logs them. A new one is a function in `_CHECKS`.
"""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

from cryptography import x509

from token_server.host_names import is_loopback
from token_server.problems import Problem
from token_server.settings import Settings

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


_CHECKS: tuple[Callable[[Settings, datetime], Iterator[Problem]], ...] = (
    _plain_http,
    _http_issuer,
    _certificate,
)
