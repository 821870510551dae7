"""The listening socket: the parent makes and keeps it, so that no queue dies with a worker."""

import errno
import socket

from token_server.problems import Problem

BACKLOG = 4096

Address = tuple[str, int] | tuple[str, int, int, int] | tuple[int, bytes]

_HINTS = {
    errno.EADDRINUSE: "stop the other server, or set TOKEN_SERVER_PORT",
    errno.EADDRNOTAVAIL: "set TOKEN_SERVER_HOST to an address of this machine",
    errno.EACCES: "set TOKEN_SERVER_PORT to one above 1023",
}


def listen(host: str, port: int) -> socket.socket:
    """The socket of all workers; port 0 chooses a free one. Raises: Problem."""
    family, address = _resolve(host, port)
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        # A port in TIME_WAIT is free. One where anybody listens is not, be it our own server.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError as fault:
        listener.close()
        raise _problem(host, port, fault) from fault
    return listener


def url_of(listener: socket.socket, *, scheme: str) -> str:
    host, port = listener.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    return f"{scheme}://{shown}:{port}"


def _resolve(host: str, port: int) -> tuple[int, Address]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (socket.gaierror, UnicodeError) as fault:
        raise Problem(
            f"{host} is no address that this machine knows",
            hint=_HINTS[errno.EADDRNOTAVAIL],
        ) from fault
    family, *_, address = found[0]
    return family, address


def _problem(host: str, port: int, fault: OSError) -> Problem:
    if fault.errno == errno.EADDRINUSE:
        text = f"port {port} of {host} is in use"
    else:
        text = f"port {port} of {host} cannot be listened on: {fault.strerror}"
    return Problem(text, hint=_HINTS.get(fault.errno or 0))
