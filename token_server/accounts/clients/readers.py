"""How each kind of member is read; what is wrong is said as a rule, never with the value.

A wrong type is a ValueError too: all that is wrong with a member is one kind of error.
"""

import re
from collections.abc import Callable
from contextlib import suppress
from enum import StrEnum
from typing import TypeVar

from token_server.accounts.clients.registered import JwksUri
from token_server.host_names import is_loopback
from token_server.tokens.clients import ASSERTION_ALGORITHMS, SECRET_METHODS, AuthMethod
from token_server.web_addresses import web_address

E = TypeVar("E", bound=StrEnum)

LONGEST_PREFIX = 64
# RFC 6749 A.1 and A.4
_CLIENT_ID = re.compile(r"[\x20-\x7E]{1,255}")
_SCOPE = re.compile(r"[\x21\x23-\x5B\x5D-\x7E]+")
_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)
_EMPTY_SHA256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
_OUR_OWN_AUDIENCES = {"access", "refresh"}


def read_text(value: object) -> str:
    if not isinstance(value, str) or not value or not value.isprintable():
        raise ValueError("must be printable text, not empty")
    return value


def read_client_id(value: object) -> str:
    if not isinstance(value, str) or not _CLIENT_ID.fullmatch(value):
        raise ValueError("must be 1 to 255 printable ASCII characters")
    return value


def read_auth_methods(value: object) -> frozenset[AuthMethod]:
    """One method, or a list of the two that have a secret."""
    with suppress(ValueError):
        if isinstance(value, str):
            return frozenset({AuthMethod(value)})
        methods = frozenset(read_texts(value))
        if methods and methods <= SECRET_METHODS:
            return frozenset(map(AuthMethod, methods))
    listed = ", ".join(sorted(SECRET_METHODS))
    raise ValueError(f"must be one of {', '.join(AuthMethod)}, or a list of {listed}")


def read_scope(value: object) -> tuple[str, ...]:
    """RFC 6749 §3.3."""
    if value == "":
        return ()
    names = value.split(" ") if isinstance(value, str) else [""]
    if not all(map(_SCOPE.fullmatch, names)) or len(set(names)) < len(names):
        raise ValueError('must be names parted by one space, none twice, without " and \\')
    return tuple(names)


def read_secret_hashes(value: object) -> tuple[bytes, ...]:
    hashes = read_texts(value)
    if not 1 <= len(hashes) <= 2 or not all(map(_SHA256.fullmatch, hashes)):  # noqa: PLR2004 - old and new
        raise ValueError("must list one or two SHA-256 hashes, each 64 lower-case hex digits")
    if _EMPTY_SHA256 in hashes:
        raise ValueError("must not be the hash of an empty secret")
    return tuple(map(bytes.fromhex, hashes))


def read_texts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise ValueError("must be an array of strings")
    if len(set(value)) < len(value):
        raise ValueError("must not name anything twice")
    return tuple(map(read_text, value))


def read_audiences(value: object) -> tuple[str, ...]:
    audiences = read_texts(value)
    # RFC 8725 §3.12: these two tell our own kinds of tokens apart.
    if _OUR_OWN_AUDIENCES & set(audiences):
        raise ValueError('must not name "access" or "refresh"')
    return audiences


def read_may_exchange(value: object) -> tuple[str, ...]:
    """Client ids and audiences; `access` is that of the documented tokens."""
    names = read_texts(value)
    if "refresh" in names:
        raise ValueError('must not name "refresh"')
    return names


def read_subject_prefix(value: object) -> str:
    prefix = read_text(value)
    if len(prefix) > LONGEST_PREFIX or prefix != prefix.lstrip():
        raise ValueError(f"must be 1 to {LONGEST_PREFIX} characters, not beginning with a space")
    return prefix


def read_algorithm(value: object) -> frozenset[str]:
    if value not in ASSERTION_ALGORITHMS:
        raise ValueError(f"must be one of {', '.join(ASSERTION_ALGORITHMS)}")
    return frozenset({str(value)})


def read_algorithms(value: object) -> frozenset[str]:
    found = frozenset(read_texts(value))
    if not found or not found <= set(ASSERTION_ALGORITHMS):
        raise ValueError(f"must list one or more of {', '.join(ASSERTION_ALGORITHMS)}")
    return found


def choice(kind: type[E]) -> Callable[[object], E]:
    def read(value: object) -> E:
        if not isinstance(value, str) or value not in list(kind):
            raise ValueError(f"must be one of {', '.join(kind)}")
        return kind(value)

    return read


def choices(kind: type[E]) -> Callable[[object], frozenset[E]]:
    def read(value: object) -> frozenset[E]:
        names = read_texts(value)
        if not set(names) <= set(kind):
            raise ValueError(f"must list some of {', '.join(kind)}")
        return frozenset(map(kind, names))

    return read


def read_jwks_uri(value: object) -> JwksUri:
    parts = web_address(value) if isinstance(value, str) else None
    if not isinstance(value, str) or parts is None:
        raise ValueError("must be an https:// URL without user and fragment")
    if parts.scheme != "https" and not is_loopback(parts.hostname or ""):
        raise ValueError("must begin with https:// (http:// is for loopback addresses)")
    return JwksUri(value)
