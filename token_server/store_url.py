"""What STORE_URL says: which kinds of stores it can name, and how to show it without its password.

Another kind of store is a value of its own, beside Embedded, UnixSocket and Server.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from token_server.host_names import is_host
from token_server.problems import Problem

DEFAULT_PORT = 6379

_SCHEMES = "embedded:, redis://, rediss:// or unix://"
_NOT_YET = MappingProxyType(
    {"redis+sentinel": "a Redis Sentinel", "redis+cluster": "a Redis Cluster"}
)
# Whatever else redis-py reads from a query would override what we rely on.
_QUERY = MappingProxyType(
    {
        "redis": frozenset({"db"}),
        "rediss": frozenset({"db", "ssl_ca_certs", "ssl_certfile", "ssl_keyfile"}),
        "unix": frozenset({"db"}),
    }
)
_NUMBER = re.compile(r"[0-9]{1,5}", re.ASCII)
_DATABASE_PATH = re.compile(r"(/[0-9]{0,5})?", re.ASCII)


class StoreUrlProblem(Problem):
    """Shows nothing of the URL: any part of it may be a misplaced password."""

    def __init__(self, rule: str) -> None:
        super().__init__(
            f"STORE_URL {rule}",
            hint="set STORE_URL to embedded:FOLDER, unix:///PATH, redis://HOST:PORT/DATABASE or "
            "rediss://USER:PASSWORD@HOST:PORT/DATABASE",
        )
        self.rule = rule


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    user: str | None
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tls:
    """Paths: of whom to trust, where not whom the system trusts, and of our own certificate."""

    ca_certs: str | None
    certificate: str | None
    key: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Embedded:
    """A store that we run ourselves."""

    folder: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UnixSocket:
    path: str
    login: Login | None
    database: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    host: str
    port: int
    login: Login | None
    database: int
    tls: Tls | None


StoreUrl = Embedded | UnixSocket | Server


def read(url: str) -> StoreUrl:
    """Raises: StoreUrlProblem."""
    scheme, _, rest = url.partition(":")
    if scheme in _NOT_YET:
        raise StoreUrlProblem(f"must not name {_NOT_YET[scheme]}: that is not supported yet")
    if scheme == "embedded":
        return _embedded(rest)
    if scheme not in _QUERY or not rest.startswith("//"):
        raise StoreUrlProblem(f"must begin with {_SCHEMES}")
    parts = _split(url)
    return _unix_socket(parts) if scheme == "unix" else _server(parts)


def without_password(url: str) -> str:
    """A good URL as it is written, but for its password."""
    if url.startswith("embedded:"):
        return url
    user_info, at, _ = urlsplit(url).netloc.rpartition("@")
    if not at:
        return url
    user = user_info.partition(":")[0]
    return url.replace(f"{user_info}@", f"{user}:***@", 1)


def _embedded(folder: str) -> Embedded:
    if not folder or not folder.isprintable() or folder.startswith(("~", "//")):
        raise StoreUrlProblem("must name a folder after embedded:, such as embedded:var/store")
    return Embedded(folder=folder)


def _split(url: str) -> SplitResult:
    # Unescaped "#" and "?" would cut a password short, and the rest would pass as a host.
    wrong = not url.isascii() or not url.isprintable() or "#" in url or " " in url
    try:
        parts = urlsplit(url)
        wrong = wrong or parts.port == 0
    except ValueError:
        # Its text quotes the URL.
        wrong = True
    if wrong:
        raise StoreUrlProblem(
            "must be a URL in which special characters of the password are percent-encoded"
        )
    return parts


def _unix_socket(parts: SplitResult) -> UnixSocket:
    path = unquote(parts.path)
    if parts.netloc.rpartition("@")[2] or not path.strip("/") or not path.isprintable():
        raise StoreUrlProblem("must name a socket by its whole path, as in unix:///run/store.sock")
    login, query = _login(parts), _query(parts)
    return UnixSocket(path=path, login=login, database=int(query.get("db", 0)))


def _server(parts: SplitResult) -> Server:
    host = parts.hostname or ""
    if not is_host(host) or not _DATABASE_PATH.fullmatch(parts.path):
        raise StoreUrlProblem(
            f"must look like {parts.scheme}://[user:password@]host[:port][/database]"
        )
    login, query = _login(parts), _query(parts)
    return Server(
        host=host,
        port=parts.port or DEFAULT_PORT,
        login=login,
        database=int(query.get("db") or parts.path[1:] or 0),
        tls=_tls(query) if parts.scheme == "rediss" else None,
    )


def _login(parts: SplitResult) -> Login | None:
    if "@" not in parts.netloc:
        return None
    if not parts.password:
        # Redis knows no user without a password: most likely it is the password itself.
        raise StoreUrlProblem("must have the password after a colon, as in redis://:password@host")
    return Login(user=unquote(parts.username or "") or None, password=unquote(parts.password))


def _tls(query: Mapping[str, str]) -> Tls:
    return Tls(
        ca_certs=query.get("ssl_ca_certs"),
        certificate=query.get("ssl_certfile"),
        key=query.get("ssl_keyfile"),
    )


def _query(parts: SplitResult) -> Mapping[str, str]:
    allowed = _QUERY[parts.scheme]
    try:
        strict = bool(parts.query)
        pairs = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=strict)
    except ValueError:
        # Its text quotes the query.
        pairs = [("", "")]
    given = dict(pairs)
    said = all(value and value.isprintable() for value in given.values())
    if not given.keys() <= allowed or len(given) < len(pairs) or not said:
        raise StoreUrlProblem(f"must have nothing in its query but {', '.join(sorted(allowed))}")
    if not _NUMBER.fullmatch(given.get("db", "0")):
        raise StoreUrlProblem("must have a number as db")
    return given
