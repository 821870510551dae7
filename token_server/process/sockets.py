"""The listening sockets: the parent makes and keeps them, so that no queue dies with a worker."""

import errno
import socket
from collections.abc import Iterable
from contextlib import ExitStack

from token_server.problems import Problem

BACKLOG = 4096
UNREAD_SECONDS = 15
"""As WRITE_SECONDS of web/connection.py, for what only the kernel knows to be unread."""
SEND_BUFFER_BYTES = 128 * 1024
"""More than any answer has. The kernel would keep megabytes for a client that never reads."""

Address = tuple[str, int] | tuple[str, int, int, int] | tuple[int, bytes]

_ABSENT = frozenset({errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT})
"""Of a name with several addresses, one may not be of this machine, such as ::1 without IPv6."""
_HINTS = {
    errno.EADDRINUSE: "stop the other server, or set TOKEN_SERVER_PORT",
    errno.EADDRNOTAVAIL: "set TOKEN_SERVER_HOST to an address of this machine",
    errno.EACCES: "set TOKEN_SERVER_PORT to one above 1023",
}


def listen(host: str, port: int) -> list[socket.socket]:
    """The sockets of all workers: one for each address of the host, all on the same port.

    Port 0 chooses a free one. Raises: Problem.
    """
    with ExitStack() as unless_all_listen:
        listeners: list[socket.socket] = []
        missing: list[OSError] = []
        for family, address in _addresses(host, port):
            # The first socket has chosen the port of the others.
            at = port or (listeners[0].getsockname()[1] if listeners else 0)
            try:
                listener = _listen(family, (address[0], at, *address[2:]))
            except OSError as fault:
                if fault.errno not in _ABSENT:
                    raise _problem(host, at, fault) from fault
                missing.append(fault)
            else:
                listeners.append(unless_all_listen.enter_context(listener))
        if not listeners:
            raise _problem(host, port, missing[0]) from missing[0]
        unless_all_listen.pop_all()
    return listeners


def urls_of(listeners: Iterable[socket.socket], *, scheme: str) -> str:
    return " and ".join(_url_of(each, scheme) for each in listeners)


def _url_of(listener: socket.socket, scheme: str) -> str:
    host, port = listener.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    return f"{scheme}://{shown}:{port}"


def _listen(family: int, address: Address) -> socket.socket:
    """Raises: OSError."""
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        # A port in TIME_WAIT is free. One where anybody listens is not, be it our own server.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        _limit_unread_answers(listener)
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener


def _limit_unread_answers(listener: socket.socket) -> None:
    """For the connections that it accepts, which inherit it: no syscall for each."""
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 1000 * UNREAD_SECONDS)


def _addresses(host: str, port: int) -> list[tuple[int, Address]]:
    """Each address once. Raises: Problem."""
    # RFC 6761 §6.3: localhost is both loopback addresses, whatever the hosts file says.
    names = ("127.0.0.1", "::1") if host == "localhost" else (host,)
    try:
        found = [
            each
            for name in names
            for each in socket.getaddrinfo(
                name, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
            )
        ]
    except (socket.gaierror, UnicodeError) as fault:
        raise Problem(
            f"{host} is no address that this machine knows",
            hint=_HINTS[errno.EADDRNOTAVAIL],
        ) from fault
    return list(dict.fromkeys((family, address) for family, *_, address in found))


def _problem(host: str, port: int, fault: OSError) -> Problem:
    if fault.errno == errno.EADDRINUSE:
        text = f"port {port} of {host} is in use"
    else:
        text = f"port {port} of {host} cannot be listened on: {fault.strerror}"
    return Problem(text, hint=_HINTS.get(fault.errno or 0))
