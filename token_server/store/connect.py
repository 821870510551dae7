"""From a store URL to a client, and how the client behaves."""

import ssl
from contextlib import suppress
from pathlib import Path
from typing import Any

from redis.asyncio import Connection, Redis, SSLConnection
from redis.asyncio.connection import AbstractConnection, UnixDomainSocketConnection
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialWithJitterBackoff
from redis.exceptions import ResponseError
from redis.maint_notifications import MaintNotificationsConfig

from token_server import store_url
from token_server.store.data_directory import DataDirectory
from token_server.store.pool import FairPool
from token_server.store_url import Embedded, Login, Server, Tls, UnixSocket

Options = dict[str, Any]

CONNECTED_WITHIN = 0.5
RETRIES = 2


def connect(url: str) -> Redis:
    """A client of the store that the URL names; it connects when it is first asked.

    Raises: StoreUrlProblem.
    """
    match store_url.read(url):
        case Embedded(folder=folder):
            socket = DataDirectory(Path(folder)).socket
            return _client(UnixDomainSocketConnection, {"path": str(socket)})
        case UnixSocket() as place:
            options = {"path": place.path, "db": place.database, **_login(place.login)}
            return _client(UnixDomainSocketConnection, options)
        case Server() as place:
            options = {"db": place.database, **_login(place.login), **_tls(place.tls)}
            options |= {"host": place.host, "port": place.port}
            return _client(SSLConnection if place.tls else Connection, options)


def _client(kind: type[AbstractConnection], options: Options) -> Redis:
    pool = FairPool(
        connection_class=kind,
        socket_connect_timeout=CONNECTED_WITHIN,
        # Every write is recognised when it is repeated: see ports.py.
        retry=Retry(ExponentialWithJitterBackoff(base=0.01, cap=0.1), RETRIES),
        # They would switch off the check that an idle connection still stands.
        maint_notifications_config=MaintNotificationsConfig(enabled=False),
        redis_connect_func=_on_connect,
        decode_responses=False,
        **options,
    )
    return Redis.from_pool(pool)


async def _on_connect(connection: AbstractConnection) -> None:
    """As redis-py, and a name for CLIENT LIST; a user who may not set it does without."""
    await connection.on_connect()
    await connection.send_command("CLIENT", "SETNAME", "token-server")
    with suppress(ResponseError):
        await connection.read_response()


def _login(login: Login | None) -> Options:
    return {"username": login.user, "password": login.password} if login else {}


def _tls(tls: Tls | None) -> Options:
    if tls is None:
        return {}
    return {
        "ssl_cert_reqs": "required",
        "ssl_check_hostname": True,
        "ssl_min_version": ssl.TLSVersion.TLSv1_2,
        "ssl_ca_certs": tls.ca_certs,
        "ssl_certfile": tls.certificate,
        "ssl_keyfile": tls.key,
    }
