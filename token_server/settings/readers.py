"""How each kind of setting is read; what is wrong is said as a rule, never with the value."""

import re
from collections.abc import Callable
from ipaddress import ip_network
from pathlib import Path
from typing import TypeVar
from urllib.parse import SplitResult

from pydantic import SecretStr

from token_server import store_url
from token_server.host_names import is_host
from token_server.web_addresses import web_address

T = TypeVar("T")

# capacitor://localhost, chrome-extension://… and others: browsers keep the case of such a host.
_APP_ORIGIN = re.compile(
    r"(?!file:)[a-z][a-z0-9+.-]*://[A-Za-z0-9._~-]+(:[1-9][0-9]{0,4})?", re.ASCII
)
_DIGITS = re.compile(r"[0-9]{1,9}", re.ASCII)
_DEFAULT_PORTS = {"https": 443, "http": 80}


def read_text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("must be text")  # noqa: TRY004 - pydantic gathers ValueErrors only
    if not value or value != value.strip() or not value.isprintable():
        raise ValueError("must be printable text, not empty, without a space at either end")
    return value


def whole_number(lowest: int, highest: int) -> Callable[[object], int]:
    def read(value: object) -> int:
        # `true` is an int to Python.
        if type(value) in (int, str) and _DIGITS.fullmatch(str(value)):
            number = int(str(value))
            if lowest <= number <= highest:
                return number
        raise ValueError(f"must be a whole number from {lowest} to {highest}")

    return read


def one_of(*choices: T) -> Callable[[object], T]:
    def read(value: object) -> T:
        for choice in choices:
            if type(value) in (type(choice), str) and str(value) == str(choice):
                return choice
        raise ValueError(f"must be one of {', '.join(map(str, choices))}")

    return read


def some_of(*choices: T) -> Callable[[object], tuple[T, ...]]:
    def read(value: object) -> tuple[T, ...]:
        read_choice = one_of(*choices)
        chosen = tuple(read_choice(item) for item in _items(value))
        if not chosen:
            raise ValueError("must not be empty")
        return chosen

    return read


def optional(read: Callable[[object], T]) -> Callable[[object], T | None]:
    return lambda value: None if value is None else read(value)


def read_host(value: object) -> str:
    host = read_text(value)
    if not is_host(host):
        raise ValueError("must be an IP address or a host name, without port or brackets")
    return host


def read_path(value: object) -> Path:
    path = str(value) if isinstance(value, Path) else read_text(value)
    if path.startswith("~"):
        raise ValueError("must not begin with ~: no shell reads it, so write the folder out")
    return Path(path)


def read_issuer(value: object) -> str:
    issuer = read_text(value)
    if _web_address(issuer) is None or issuer.endswith("/"):
        raise ValueError(
            "must be an https:// or http:// URL without user, query, fragment or final slash"
        )
    return issuer


ANONYMOUS_GRANTS = tuple(
    f"{dialect}:{grant}"
    for dialect in ("form", "json", "header")
    for grant in ("password", "refresh")
)


def read_anonymous_grants(value: object) -> tuple[str, ...]:
    """Return `dialect:grant` for each; a grant alone stands for all dialects."""
    items = () if value == "none" else _items(value)
    named = {each for item in items for each in ANONYMOUS_GRANTS if _names(item, each)}
    if any(not any(_names(item, each) for each in ANONYMOUS_GRANTS) for item in items):
        raise ValueError(
            "must list password and refresh, each alone or behind a dialect "
            "(form:password, json:refresh), or be none"
        )
    return tuple(each for each in ANONYMOUS_GRANTS if each in named)


def _names(item: str, grant: str) -> bool:
    return item in (grant, grant.partition(":")[2])


def read_origins(value: object) -> tuple[str, ...]:
    origins = _items(value)
    if "*" in origins:
        raise ValueError("must list each origin: with * every web page could call the server")
    if "null" in origins:
        raise ValueError('must not list "null": every sandboxed page and local file sends it')
    if not all(map(_is_origin, origins)):
        raise ValueError(
            "must list origins as browsers send them, such as https://app.example, "
            "http://localhost:3000 or capacitor://localhost: without a path, and for http and "
            "https in lower case without the default port"
        )
    return origins


def read_networks(value: object) -> tuple[str, ...]:
    networks = _items(value)
    if not all(map(_is_network, networks)):
        raise ValueError(
            "must list IP addresses or networks such as 10.0.0.0/8 or 2001:db8::/32, without "
            "bits after the prefix, never /0"
        )
    return networks


def read_store_url(value: object) -> SecretStr:
    text = read_text(value.get_secret_value() if isinstance(value, SecretStr) else value)
    try:
        store_url.read(text)
    except store_url.StoreUrlProblem as problem:
        raise ValueError(problem.rule) from None
    return SecretStr(text)


def _items(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        value = [item.strip() for item in value.split(",")]
    if not isinstance(value, list | tuple) or not all(isinstance(item, str) for item in value):
        raise ValueError("must be a list, or text with commas between the items")
    if len(set(value)) < len(value):
        raise ValueError("must not name anything twice")
    return tuple(value)


def _is_origin(text: str) -> bool:
    # RFC 6454 §6.2: how a browser writes an origin; it is compared byte by byte.
    if not text.startswith(("https:", "http:")):
        return _APP_ORIGIN.fullmatch(text) is not None
    parts = _web_address(text)
    return (
        parts is not None
        and not parts.path
        and text == text.lower()
        and parts.port != _DEFAULT_PORTS[parts.scheme]
    )


def _is_network(text: str) -> bool:
    try:
        return ip_network(text).prefixlen > 0
    except ValueError:
        return False


def _web_address(text: str) -> SplitResult | None:
    return None if "?" in text else web_address(text)
