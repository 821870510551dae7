"""Addresses of clients, and the network prefixes by which requests are limited."""

from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

Address = IPv4Address | IPv6Address

UNKNOWN = "unknown"
_REMEMBERED = 4096


def read_address(text: str) -> Address | None:
    """Return the address, or None if `text` is none.

    An IPv4-mapped address (RFC 4291 §2.5.5.2) is returned as IPv4. A scope (`%eth0`) is dropped.
    """
    try:
        address = ip_address(text)
    except ValueError:
        return None
    if isinstance(address, IPv6Address):
        return address.ipv4_mapped or IPv6Address(int(address))
    return address


@lru_cache(maxsize=_REMEMBERED)
def network_of(address: str, *, ipv4: int = 24, ipv6: int = 64) -> str:
    """Return the network of an address by the given prefix lengths; `unknown` if it is none.

    A host with one IPv6 address usually has all of its /64.
    """
    known = read_address(address)
    if known is None:
        return UNKNOWN
    return str(ip_network((known, ipv4 if known.version == 4 else ipv6), strict=False))  # noqa: PLR2004
