"""What is asked: one class for each kind of request, and the sessions that they refresh."""

import re
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol
from urllib.parse import urlencode

TOKEN_PATH = "/api/oauth2/token"  # noqa: S105 - a path
_REFRESH_TOKEN = re.compile(rb'"refresh_token":"([^"]+)"')
_FORM = b"Content-Type: application/x-www-form-urlencoded\r\n"


def post(path: str, form: Mapping[str, str], *headers: str) -> bytes:
    return _post(path, urlencode(form).encode(), *headers)


def get(path: str, *headers: str) -> bytes:
    lines = "".join(f"{each}\r\n" for each in headers)
    return f"GET {path} HTTP/1.1\r\nHost: bench\r\n{lines}\r\n".encode()


class Asks(Protocol):
    """What one connection asks for, one request after another."""

    def next(self) -> bytes: ...

    def take(self, status: int, answer: bytes) -> None: ...


class Refreshes:
    """One session, refreshed over and over: each answer holds what is shown next."""

    def __init__(self, refresh_token: str) -> None:
        self._token = refresh_token.encode()

    @property
    def token(self) -> str:
        return self._token.decode()

    def next(self) -> bytes:
        return _post(TOKEN_PATH, b"grantType=RefreshToken&refreshToken=" + self._token)

    def take(self, status: int, answer: bytes) -> None:
        if status == 200:
            found = _REFRESH_TOKEN.search(answer)
            assert found
            self._token = found[1]


class Turns:
    """Several sessions, each refreshed in its turn."""

    def __init__(self, sessions: Sequence[Refreshes]) -> None:
        self._sessions = deque(sessions)

    def next(self) -> bytes:
        return self._sessions[0].next()

    def take(self, status: int, answer: bytes) -> None:
        self._sessions[0].take(status, answer)
        self._sessions.rotate(-1)


class Same:
    """The same request over and over."""

    def __init__(self, request: bytes) -> None:
        self._request = request

    def next(self) -> bytes:
        return self._request

    def take(self, status: int, answer: bytes) -> None:
        """Nothing follows from it."""


class Each:
    """Requests that are used up, one at a time."""

    def __init__(self, requests: Iterator[bytes]) -> None:
        self._requests = requests

    def next(self) -> bytes:
        return next(self._requests)

    def take(self, status: int, answer: bytes) -> None:
        """Nothing follows from it."""


def refreshing(token: str) -> bytes:
    return post(TOKEN_PATH, {"grantType": "RefreshToken", "refreshToken": token})


def _post(path: str, body: bytes, *headers: str) -> bytes:
    lines = "".join(f"{each}\r\n" for each in headers).encode()
    return b"POST %b HTTP/1.1\r\nHost: bench\r\n%b%bContent-Length: %d\r\n\r\n%b" % (
        path.encode(),
        _FORM,
        lines,
        len(body),
        body,
    )
