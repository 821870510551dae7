"""What a host may be called: an IP address, or a name of DNS."""

import re
from ipaddress import ip_address

_LABEL = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)", re.ASCII)
_LONGEST_NAME = 253


def is_host(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        # RFC 1034 §3.1: a final dot marks a name as complete.
        labels = text.removesuffix(".").split(".")
        # A last label of digits is an IP address with a typing error (WHATWG URL §3.5).
        named = all(map(_LABEL.fullmatch, labels)) and not labels[-1].isdecimal()
        return named and len(text) <= _LONGEST_NAME
    return True


def is_loopback(host: str) -> bool:
    """Whether a host names this machine, whatever any resolver says."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
