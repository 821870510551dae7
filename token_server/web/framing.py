"""Where the body of a request ends, for a parser that takes over."""

from collections.abc import Iterable


def framing_of(headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """A head that tells a parser where the body ends, and nothing else."""
    lines = [
        name + b": " + value + b"\r\n"
        for name, value in headers
        if name in (b"content-length", b"transfer-encoding")
    ]
    return b"".join([b"POST / HTTP/1.1\r\n", *lines, b"\r\n"])
