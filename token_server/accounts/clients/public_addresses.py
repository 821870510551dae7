"""Which IP addresses belong to the public internet, by a list that no Python version changes."""

from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_network,
)

Address = IPv4Address | IPv6Address

# The special-purpose registries of IANA (RFC 6890), and multicast.
_IPV4_SPECIAL = tuple(
    map(
        IPv4Network,
        (
            *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16"),
            *("172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.31.196.0/24"),
            *("192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24"),
            *("198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4"),
            "240.0.0.0/4",
        ),
    )
)
# RFC 4291 §2.4: no other IPv6 address is global. So fec0::/10, ::/96, ::ffff:0:0:0/96,
# 64:ff9b:1::/48, fc00::/7 and fe80::/10 are refused without a row of their own.
_IPV6_GLOBAL = IPv6Network("2000::/3")
_IPV6_SPECIAL = tuple(
    map(
        IPv6Network,
        (
            # IETF protocols: Teredo (RFC 4380), benchmarks, ORCHID.
            "2001::/23",
            # Documentation.
            *("2001:db8::/32", "3fff::/20"),
            # 6to4 (RFC 7526) and the 6bone (RFC 3701) are no longer in use.
            *("2002::/16", "3ffe::/16"),
            # AS112 (RFC 7535).
            "2620:4f:8000::/48",
        ),
    )
)
_NAT64 = ip_network("64:ff9b::/96")
_IPV4_BITS = 0xFFFF_FFFF
# RFC 5214 §6.1: the interface identifier of ISATAP, without and with the universal bit.
_ISATAP = {0x0000_5EFE, 0x0200_5EFE}


def is_public(address: Address) -> bool:
    """Return whether an address, and the IPv4 address embedded in it, are public."""
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _IPV4_SPECIAL)
    if address.ipv4_mapped is not None:
        return is_public(address.ipv4_mapped)
    embedded = IPv4Address(int(address) & _IPV4_BITS)
    # RFC 6052: behind DNS64, every host with an IPv4 address only has such an address.
    if address in _NAT64:
        return is_public(embedded)
    if address not in _IPV6_GLOBAL or any(address in network for network in _IPV6_SPECIAL):
        return False
    is_isatap = int(address) >> 32 & _IPV4_BITS in _ISATAP
    return not is_isatap or is_public(embedded)


def is_loopback_address(address: Address) -> bool:
    """Return whether an address is this machine's own; RFC 4291 §2.5.5.2 is read too."""
    return (getattr(address, "ipv4_mapped", None) or address).is_loopback
