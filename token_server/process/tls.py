"""TLS from the two files that the settings name, also from those that replace them later."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import NoReturn

import structlog

from token_server.alarm import Alarm
from token_server.problems import Problem
from token_server.rounds import Rounds, beside, on_sighup
from token_server.secret_files import check_secret
from token_server.settings import Settings

CHECK_INTERVAL = timedelta(seconds=5)

log = structlog.get_logger(__name__)

_State = tuple[tuple[int, ...], ...]
"""What tells one pair of files from the next."""


def tls_of(settings: Settings) -> ssl.SSLContext | None:
    """Return None if TLS is not set. Raises: Problem."""
    if settings.tls_cert_file is None or settings.tls_key_file is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        check_secret(settings.tls_key_file, settings.tls_key_file.stat())
        # Without a password to offer, OpenSSL would ask the terminal for one.
        context.load_cert_chain(settings.tls_cert_file, settings.tls_key_file, password="")
    except OSError as fault:
        raise Problem(
            "the TLS files cannot be used: "
            + _why(fault, settings.tls_cert_file, settings.tls_key_file),
            hint="name PEM files that fit together in TOKEN_SERVER_TLS_CERT_FILE and "
            "TOKEN_SERVER_TLS_KEY_FILE, the key without a passphrase",
        ) from fault
    return context


class TlsReload:
    """Hands on a new context when the files change. A pair that is wrong changes nothing."""

    def __init__(self, settings: Settings, use: Callable[[ssl.SSLContext], None]) -> None:
        self._settings = settings
        self._use = use
        self._rounds = Rounds(CHECK_INTERVAL)
        self._alarm = Alarm(
            trouble="the TLS files cannot be used; the old certificate stays in use",
            over="the TLS files are good again",
        )
        self._state = self._look()

    def wake(self) -> None:
        self._rounds.wake()

    async def follow(self) -> NoReturn:
        """Look at the files again and again, and at once after `wake`."""
        while True:
            await self._rounds.next()
            state = await asyncio.to_thread(self._look)
            if state != self._state:
                self._state = state
                await self._load()

    async def _load(self) -> None:
        try:
            context = await asyncio.to_thread(tls_of, self._settings)
        except Problem as problem:
            # If one file was replaced before the other, the next look finds another change.
            self._alarm.tell([problem])
            return
        self._alarm.tell([])
        if context is not None:
            self._use(context)
            log.info("the TLS certificate was loaded again")

    def _look(self) -> _State:
        return tuple(map(_state_of, (self._settings.tls_cert_file, self._settings.tls_key_file)))


@asynccontextmanager
async def tls_followed(
    settings: Settings, use: Callable[[ssl.SSLContext], None]
) -> AsyncIterator[None]:
    """Follow the files, also on SIGHUP, if the settings name any."""
    if settings.tls_cert_file is None:
        yield
        return
    reload = TlsReload(settings, use)
    async with beside(reload.follow()):
        with on_sighup(reload.wake):
            yield


def _state_of(path: Path | None) -> tuple[int, ...]:
    """Of the file that a link leads to: Kubernetes swaps links."""
    try:
        found = (path or Path()).stat()
    except OSError:
        return ()
    return (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


def _why(fault: OSError, cert_file: Path, key_file: Path) -> str:
    if not isinstance(fault, ssl.SSLError):
        return f"{fault.filename}: {fault.strerror}" if fault.filename else str(fault.strerror)
    try:
        return _wrong_with_pair(fault, cert_file, key_file)
    except OSError as gone:
        return f"{gone.filename or 'a file'}: {gone.strerror}"


def _wrong_with_pair(fault: ssl.SSLError, cert_file: Path, key_file: Path) -> str:
    """What OpenSSL does not say of most faults. Raises: OSError."""
    if not _has_certificate(cert_file):
        return f"{cert_file} holds no certificate in PEM"
    key = key_file.read_bytes()
    if b"ENCRYPTED" in key:
        return f"the key in {key_file} has a passphrase"
    if b" PRIVATE KEY-----" not in key:
        return f"{key_file} holds no private key in PEM"
    if fault.reason == "KEY_VALUES_MISMATCH":
        return f"the key in {key_file} is not that of the certificate in {cert_file}"
    reason = (fault.reason or "one is damaged").replace("_", " ").lower()
    return f"{cert_file}, {key_file}: {reason}"


def _has_certificate(file: Path) -> bool:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(file)
    except ssl.SSLError:
        return False
    return True
