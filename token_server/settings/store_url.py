"""STORE_URL: which stores can be named, and how to show one without its password."""

import re
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from pydantic import SecretStr

from token_server.settings.readers import is_host, read_text

_SCHEMES = "embedded:, redis://, rediss:// or unix://"
_NOT_YET = {"redis+sentinel": "Redis Sentinel", "redis+cluster": "Redis Cluster"}
# Everything else that redis-py would take from a query would override what we rely on.
_QUERY = {
    "redis": {"db"},
    "rediss": {"db", "ssl_ca_certs", "ssl_certfile", "ssl_keyfile"},
    "unix": {"db"},
}
_NUMBER = re.compile(r"[0-9]{1,5}", re.ASCII)
_DATABASE = re.compile(r"(/[0-9]{0,5})?", re.ASCII)


def read_store_url(value: object) -> SecretStr:
    text = read_text(value.get_secret_value() if isinstance(value, SecretStr) else value)
    scheme, _, rest = text.partition(":")
    if scheme in _NOT_YET:
        raise ValueError(f"must not name a {_NOT_YET[scheme]}: that is not supported yet")
    if scheme == "embedded":
        _check_folder(rest)
    elif scheme in _QUERY and rest.startswith("//"):
        _check_server(_split(text))
    else:
        raise ValueError(f"must begin with {_SCHEMES}")
    return SecretStr(text)


def mask_password(url: str) -> str:
    """Everything but the password."""
    if url.startswith("embedded:"):
        return url
    user_info, at, _ = urlsplit(url).netloc.rpartition("@")
    if not at:
        return url
    user = user_info.partition(":")[0]
    return url.replace(f"{user_info}@", f"{user}:***@", 1)


def _check_folder(folder: str) -> None:
    if not folder or folder.startswith(("~", "//")):
        raise ValueError("must name a folder after embedded:, such as embedded:var/store")


def _split(text: str) -> SplitResult:
    # urllib quotes the text in its errors, password included; ours must not.
    rule = "must be a URL in which special characters of the password are percent-encoded"
    try:
        parts = urlsplit(text)
        wrong = parts.port == 0 or "#" in text or " " in text or not text.isascii()
    except ValueError:
        wrong = True
    if wrong:
        raise ValueError(rule)
    return parts


def _check_server(parts: SplitResult) -> None:
    if parts.scheme == "unix":
        if parts.hostname or not unquote(parts.path).strip("/"):
            raise ValueError("must name a socket by its whole path, as in unix:///run/store.sock")
    elif not is_host(parts.hostname or "") or not _DATABASE.fullmatch(parts.path):
        raise ValueError(f"must look like {parts.scheme}://[user:password@]host[:port][/database]")
    if "@" in parts.netloc and not parts.password:
        # Redis knows no user without a password: most likely it is the password itself.
        raise ValueError("must have the password after a colon, as in redis://:password@host")
    _check_query(parts)


def _check_query(parts: SplitResult) -> None:
    allowed = _QUERY[parts.scheme]
    try:
        strict = bool(parts.query)
        pairs = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=strict)
    except ValueError:
        # Its text quotes the query.
        pairs = [("", "")]
    given = dict(pairs)
    if not given.keys() <= allowed or len(given) < len(pairs) or "" in given.values():
        raise ValueError(f"must have nothing in its query but {', '.join(sorted(allowed))}")
    if not _NUMBER.fullmatch(given.get("db", "0")):
        raise ValueError("must have a number as db")
