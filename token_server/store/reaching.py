"""Why a store cannot be reached, in words of our own: the text of a driver helps no operator."""

import os
import re
import socket
from collections.abc import Iterator
from ssl import SSLCertVerificationError, SSLError
from typing import Any

from redis.asyncio import Redis, SSLConnection
from redis.exceptions import AuthenticationError, BusyLoadingError, NoPermissionError

from token_server.problems import Problem

# Of Valkey and of Redis, also where a script runs the command.
_ABOUT_RIGHTS = re.compile("NOPERM|ACL failure|user executing the script")
CHECK = "check STORE_URL, and that the store runs"
_NO_DATABASE = re.compile("DB index|database", re.IGNORECASE)
_REFUSED_COMMAND = re.compile(r"'(?P<command>[a-z|]+)' command")
_NOT_ANSWERED = re.compile("closed by server|Protocol Error|reset by peer", re.IGNORECASE)


def problem_of(fault: Exception, client: Redis) -> Problem:
    """What an operator has to know of it; no password is shown."""
    options = client.connection_pool.connection_kwargs
    if isinstance(fault, BusyLoadingError):
        return Problem("the store is still loading its data", hint="start again later")
    if is_about_rights(fault):
        return missing_right(str(fault), options.get("username"))
    if _is_about_password(fault):
        return Problem("the store does not accept the user and password", hint="check STORE_URL")
    if _NO_DATABASE.search(str(fault)):
        return Problem(
            f"the store has no database {options.get('db', 0)}",
            hint="set STORE_URL to a database that exists; most stores have 0 to 15",
        )
    speaks_tls = client.connection_pool.connection_class is SSLConnection
    return _not_reached(fault, _place(options), speaks_tls=speaks_tls)


def is_about_rights(fault: Exception) -> bool:
    return isinstance(fault, NoPermissionError) or bool(_ABOUT_RIGHTS.search(str(fault)))


def missing_right(text: str, user: str | None) -> Problem:
    """`text`: what the store says when it refuses a command or a key."""
    found = _REFUSED_COMMAND.search(text)
    name = user or "default"
    if found is None:
        return Problem(
            f"the user {name} of the store may not use the keys of token-server",
            hint=f"ACL SETUSER {name} ~*",
        )
    return Problem(
        f"the user {name} of the store may not run {found['command'].replace('|', ' ')}",
        hint=f"ACL SETUSER {name} +{found['command']}",
    )


def _not_reached(fault: Exception, place: str, *, speaks_tls: bool) -> Problem:
    causes = list(_causes(fault))
    if any(isinstance(each, SSLCertVerificationError) for each in causes):
        return Problem(
            f"the store cannot be reached at {place}: its certificate is not trusted",
            hint="name the certificate authority in STORE_URL: ?ssl_ca_certs=FILE",
        )
    is_silent = any(isinstance(each, TimeoutError) for each in causes)
    if speaks_tls and (is_silent or any(isinstance(each, SSLError) for each in causes)):
        return Problem(
            f"the store at {place} does not answer in TLS",
            hint="if that port speaks no TLS, begin STORE_URL with redis:// instead of rediss://",
        )
    if not speaks_tls and _NOT_ANSWERED.search(str(fault)):
        return Problem(
            f"what listens at {place} does not answer as a store does",
            hint="if that port speaks TLS, begin STORE_URL with rediss:// instead of redis://",
        )
    numbers = [each.errno for each in causes if isinstance(each, OSError) and each.errno]
    why = os.strerror(numbers[-1]) if numbers and numbers[-1] > 0 else ""
    if any(isinstance(each, socket.gaierror) for each in causes):
        why = "the host name cannot be resolved"
    if is_silent and not why:
        why = "it is too slow"
    return Problem(
        f"the store cannot be reached at {place}: {why or 'it does not answer'}", hint=CHECK
    )


def _causes(fault: BaseException | None) -> Iterator[BaseException]:
    while fault is not None:
        yield fault
        fault = fault.__cause__ or fault.__context__


def _place(options: dict[str, Any]) -> str:
    if path := options.get("path"):
        return str(path)
    return f"{options.get('host')}:{options.get('port')}"


def _is_about_password(fault: Exception) -> bool:
    # redis-py raises a bare ConnectionError where HELLO is refused for its AUTH.
    text = str(fault).lower()
    return isinstance(fault, AuthenticationError) or "password" in text or "authenticat" in text
