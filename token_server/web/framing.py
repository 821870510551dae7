"""For whom and for what a request is, and where its body ends: told in one way only.

Of the target there are two readers, which a test holds to agree.
"""

from collections.abc import Collection, Iterable

import httptools


def framing_of(headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """A head that tells a parser where the body ends, and nothing else."""
    lines = [
        name + b": " + value + b"\r\n"
        for name, value in headers
        if name in (b"content-length", b"transfer-encoding")
    ]
    return b"".join([b"POST / HTTP/1.1\r\n", *lines, b"\r\n"])


def has_request_line(raw: bytes, method: bytes, target: bytes) -> bool:
    """Whether it is HTTP's, with single spaces (RFC 9112 §3); the parser reads RTSP/ and ICE/ too.

    `raw` holds the request line, and may begin with other requests.
    """
    return b"%b %b HTTP/" % (method, target) in raw


def is_framed(headers: Collection[tuple[bytes, bytes]], version: str) -> bool:
    """Whether it has one Host, and a body whose end nobody can take for another."""
    # RFC 9112 §3.2. HTTP/1.0 needs none: health checks of load balancers send none.
    hosts = [value for name, value in headers if name == b"host"]
    # RFC 9112 §6.1: a coding that is not understood, or one in HTTP/1.0, hides where the body
    # ends.
    codings = [value.lower() for name, value in headers if name == b"transfer-encoding"]
    if len(hosts) != 1 and (hosts or version != "1.0"):
        return False
    return not codings or (codings == [b"chunked"] and version == "1.1")


def path_and_query(url: bytes) -> tuple[bytes, bytes]:
    """What a request is for (RFC 9112 §3.2). Raises: ValueError."""
    # The origin-form, which nearly all send, needs no parser.
    if url.startswith(b"/") and b"#" not in url:
        path, _, query = url.partition(b"?")
    else:
        path, query = _parsed(url)
    if not path.isascii():
        raise ValueError("not a path in ASCII")
    return path, query


def _parsed(url: bytes) -> tuple[bytes, bytes]:
    try:
        parsed = httptools.parse_url(url)
    except httptools.HttpParserInvalidURLError as fault:
        raise ValueError("not a target") from fault
    # RFC 9110 §4.2.3: an empty path is `/`.
    return parsed.path or b"/", parsed.query or b""
