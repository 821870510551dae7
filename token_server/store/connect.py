"""From a store URL to a client: what the URL may say, and how the client behaves."""

import re
import ssl
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from redis.asyncio import Connection, Redis, SSLConnection
from redis.asyncio.connection import AbstractConnection, UnixDomainSocketConnection
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialWithJitterBackoff
from redis.maint_notifications import MaintNotificationsConfig

from token_server.problems import Problem
from token_server.store.data_directory import DataDirectory
from token_server.store.pool import FairPool

Options = dict[str, Any]

CONNECTED_WITHIN = 0.5
# More than the second that WAITAOF may take where the store fsyncs once a second, and less than
# the deadline of an answer, so that a connection that died silently is found out in time to retry.
ANSWERED_WITHIN = 1.5
RETRIES = 2
_KINDS: Mapping[str, type[AbstractConnection]] = MappingProxyType(
    {"redis": Connection, "rediss": SSLConnection, "unix": UnixDomainSocketConnection}
)
# Whatever else redis-py reads from a query would override what is set here.
_QUERY = MappingProxyType(
    {
        "redis": frozenset({"db"}),
        "rediss": frozenset({"db", "ssl_ca_certs", "ssl_certfile", "ssl_keyfile"}),
        "unix": frozenset({"db"}),
    }
)
_NUMBER = re.compile("[0-9]{1,5}")


def connect(url: str) -> Redis:
    """A client of the store that the URL names; it connects when it is first asked.

    Raises: Problem, which shows nothing of the URL: any part of it may be a misplaced password.
    """
    if data := DataDirectory.of(url):
        return _client(UnixDomainSocketConnection, {"path": str(data.socket)})
    parts = _split(url)
    options = _place(parts) | _query(parts)
    if parts.username or parts.password:
        options |= {
            "username": unquote(parts.username or "") or None,
            "password": unquote(parts.password or "") or None,
        }
    return _client(_KINDS[parts.scheme], options)


def _client(kind: type[AbstractConnection], options: Options) -> Redis:
    pool = FairPool(
        connection_class=kind,
        socket_connect_timeout=CONNECTED_WITHIN,
        socket_timeout=ANSWERED_WITHIN,
        # Every write is recognised when it is repeated: see ports.py.
        retry=Retry(ExponentialWithJitterBackoff(base=0.01, cap=0.1), RETRIES),
        # They would switch off the check that an idle connection still stands.
        maint_notifications_config=MaintNotificationsConfig(enabled=False),
        client_name="token-server",
        decode_responses=False,
        **options,
    )
    return Redis.from_pool(pool)


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        # Unescaped "#" and "?" would cut a password short, and the rest would pass as a host.
        wrong = not url.isascii() or not url.isprintable() or "#" in url or parts.port == 0
    except ValueError:
        # Its text quotes the URL.
        raise _no_store_url() from None
    if wrong or parts.scheme not in _KINDS:
        raise _no_store_url()
    return parts


def _place(parts: SplitResult) -> Options:
    path = unquote(parts.path)
    if parts.scheme == "unix":
        if parts.hostname or not path.strip("/"):
            raise _no_store_url()
        return {"path": path}
    if not parts.hostname:
        raise _no_store_url()
    options: Options = {"host": parts.hostname, "port": parts.port or 6379}
    if parts.scheme == "rediss":
        options |= {
            "ssl_cert_reqs": "required",
            "ssl_check_hostname": True,
            "ssl_min_version": ssl.TLSVersion.TLSv1_2,
        }
    return options | ({"db": _number(path[1:])} if path.strip("/") else {})


def _query(parts: SplitResult) -> Options:
    given = parse_qsl(parts.query, keep_blank_values=True)
    options: Options = dict(given)
    if len(options) < len(given) or not options.keys() <= _QUERY[parts.scheme]:
        raise _no_store_url()
    if not all(options.values()):
        raise _no_store_url()
    return options | ({"db": _number(options["db"])} if "db" in options else {})


def _number(text: str) -> int:
    if not _NUMBER.fullmatch(text):
        raise _no_store_url()
    return int(text)


def _no_store_url() -> Problem:
    return Problem(
        "STORE_URL is no URL of a store",
        hint="use embedded:PATH, redis://user:password@host:port/db, "
        "rediss://… (its query may have ssl_ca_certs, ssl_certfile, ssl_keyfile) "
        "or unix:///path/to/socket?db=0; percent-encode what is special in a password",
    )
