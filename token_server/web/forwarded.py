"""The address of a client behind trusted proxies (RFC 7239, `X-Forwarded-For`)."""

import re
from collections.abc import Iterable, Iterator
from ipaddress import ip_network

from token_server.networks import Address, read_address

Headers = Iterable[tuple[bytes, bytes]]

MAX_MEMBERS = 32
"""No real chain of proxies is longer."""
MAX_FORWARDED_BYTES = 2048
"""A longer `Forwarded` counts as malformed."""
_NODE = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([0-9.]+))(?::(?:[0-9]{1,5}|_[0-9A-Za-z._-]+))?")
_BARE_IPV6 = re.compile(r"[0-9A-Fa-f:.]+")
_NAME = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_PAIR = re.compile(rf'({_NAME})=(?:({_NAME})|"((?:[^"\\]|\\.)*)")')
_ELEMENTS = re.compile(r'(?:[^",]|"(?:[^"\\]|\\.)*")*')
_PARAMETERS = re.compile(r'(?:[^";]|"(?:[^"\\]|\\.)*")*')
_BLANK = " \t"


class TrustedProxies:
    """The networks whose forwarding headers are believed."""

    def __init__(self, networks: Iterable[str] = ()) -> None:
        self._networks = [ip_network(each) for each in networks]

    def trusts(self, peer: str) -> bool:
        address = read_address(peer) if self._networks else None
        return address is not None and self._is_trusted(address)

    def client_of(self, peer: str, headers: Headers) -> str:
        """Return the right-most address that is not trusted, for a `peer` that is.

        A malformed member ends the chain: the proxy that sent it counts as the client. If both
        headers are present and lead to different addresses, `peer` counts: a client can send the
        one that the proxy does not overwrite.
        """
        forwarded = [value for name, value in headers if name == b"forwarded"]
        x_forwarded_for = [value for name, value in headers if name == b"x-forwarded-for"]
        found = {
            self._last_untrusted(peer, members)
            for lines, members in (
                (forwarded, _forwarded_nodes(forwarded)),
                (x_forwarded_for, _listed_nodes(x_forwarded_for)),
            )
            if lines
        }
        return found.pop() if len(found) == 1 else peer

    def _last_untrusted(self, peer: str, from_the_right: Iterator[str | None]) -> str:
        client = peer
        for _ in range(MAX_MEMBERS):
            address = _address_of(next(from_the_right, None))
            if address is None:
                break
            client = str(address)
            if not self._is_trusted(address):
                break
        return client

    def _is_trusted(self, address: Address) -> bool:
        return any(address in network for network in self._networks)


NO_PROXIES = TrustedProxies()


def _listed_nodes(lines: Iterable[bytes]) -> Iterator[str | None]:
    joined = b",".join(lines).decode("latin-1")
    for member in reversed(joined.rsplit(",", MAX_MEMBERS)[-MAX_MEMBERS:]):
        yield member.strip(_BLANK)


def _forwarded_nodes(lines: Iterable[bytes]) -> Iterator[str | None]:
    """The `for` of each element; None where an element is malformed or has none."""
    joined = b",".join(lines).decode("latin-1")
    elements = _split(joined, _ELEMENTS, ",") if len(joined) <= MAX_FORWARDED_BYTES else []
    for element in reversed(elements[-MAX_MEMBERS:]):
        yield _node_of(element)


def _node_of(element: str) -> str | None:
    nodes = []
    for parameter in _split(element, _PARAMETERS, ";"):
        pair = _PAIR.fullmatch(parameter.strip(_BLANK))
        if pair is None:
            return None
        name, token, quoted = pair.groups()
        if name.lower() == "for":
            nodes.append(token if token is not None else re.sub(r"\\(.)", r"\1", quoted))
    return nodes[0] if len(nodes) == 1 else None


def _split(text: str, part: re.Pattern[str], separator: str) -> list[str]:
    """The parts between separators outside of quotes; none if a quote is not closed."""
    parts, at = [], 0
    while (found := part.match(text, at)) is not None:
        parts.append(found[0])
        at = found.end() + 1
        if at > len(text):
            return parts
        if text[at - 1] != separator:
            break
    return []


def _address_of(node: str | None) -> Address | None:
    if node is None:
        return None
    if named := _NODE.fullmatch(node):
        return read_address(named[1] or named[2])
    return read_address(node) if _BARE_IPV6.fullmatch(node) else None
