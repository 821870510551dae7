"""The listening sockets: the parent makes and keeps them, so that no queue dies with a worker."""

import errno
import socket
import sys

from token_server.problems import Problem

BACKLOG = 2048
# Elsewhere SO_REUSEPORT does not spread connections, and the workers share one socket.
SPREADS = sys.platform == "linux"

Address = tuple[str, int] | tuple[str, int, int, int] | tuple[int, bytes]

_HINTS = {
    errno.EADDRINUSE: "stop the other server, or set TOKEN_SERVER_PORT",
    errno.EADDRNOTAVAIL: "set TOKEN_SERVER_HOST to an address of this machine",
    errno.EACCES: "set TOKEN_SERVER_PORT to one above 1023",
}


def listen(host: str, port: int, *, workers: int) -> list[socket.socket]:
    """A socket for each worker, all on one port; port 0 chooses a free one. Raises: Problem."""
    family, address = _resolve(host, port)
    sockets: list[socket.socket] = []
    try:
        sockets.append(_listen_alone(family, address))
        if SPREADS:
            chosen = sockets[0].getsockname()
            sockets += [_listen_beside(family, chosen) for _ in range(1, workers)]
    except OSError as fault:
        for each in sockets:
            each.close()
        raise _problem(host, port, fault) from fault
    return sockets if SPREADS else sockets * workers


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


def _listen_alone(family: int, address: Address) -> socket.socket:
    """The first socket: refused where anybody listens, another of our servers included.

    It shares its port only once it has it. Of two servers that start at once, one is refused.
    """
    listener = _bind(family, address)
    listener.listen(BACKLOG)
    if SPREADS:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    return listener


def _listen_beside(family: int, address: Address) -> socket.socket:
    listener = _bind(family, address, shared=True)
    listener.listen(BACKLOG)
    return listener


def _bind(family: int, address: Address, *, shared: bool = False) -> socket.socket:
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        # A port in TIME_WAIT is free.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listener.bind(address)
    except OSError:
        listener.close()
        raise
    return listener


def _problem(host: str, port: int, fault: OSError) -> Problem:
    if fault.errno == errno.EADDRINUSE:
        text = f"port {port} of {host} is in use"
    else:
        text = f"port {port} of {host} cannot be listened on: {fault.strerror}"
    return Problem(text, hint=_HINTS.get(fault.errno or 0))
