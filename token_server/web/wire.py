"""Strict reading of bodies and forms with their limits, and answers that nobody may store."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from token_server import strict_json
from token_server.tokens.refusals import (
    BodyEncoded,
    BodyTooLarge,
    MediaTypeUnsupported,
    RequestMalformed,
)

MAX_BODY_BYTES = 64 * 1024
MAX_FIELDS = 64
_DIGITS = 20
FORM, JSON = "application/x-www-form-urlencoded", "application/json"
# RFC 6749 §5.1, for refusals too: an error about a token is worth no less.
NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}
_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}

TURN = "token_server.turn"
"""In the scope: a Turn, which tells whether the request has waited for too long (overload.py)."""
IS_GONE = "token_server.is_gone"
"""In the scope: a function that tells whether the client has hung up (hardened.py)."""

Fields = Sequence[tuple[str, str]]
"""The members of a form as they were sent: names and values, decoded, in order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A request as it was sent, read once."""

    headers: Headers = field(repr=False)
    query: str = field(repr=False)
    body: bytes = field(repr=False)


def peer_of(request: Request) -> str:
    """The address that the request came from."""
    address = request.scope.get("client")
    return address[0] if address else "unknown"


async def check_still_there(request: Request) -> None:
    """Called before anything is decided, when the request gets its turn.

    Raises: WaitedTooLong; ClientDisconnect, where the client has hung up since it sent it.

    It may have asked again on another connection, and this one lain in a queue: of the two, only
    the one that is waited for may count.
    """
    # The turn of the event loop in which its hanging up is read, if it has come in.
    await asyncio.sleep(0)
    is_gone = request.scope.get(IS_GONE)
    if is_gone is not None and is_gone():
        raise ClientDisconnect
    check_turn(request)


def check_turn(request: Request) -> None:
    """The same, where also who has hung up is served. Raises: WaitedTooLong."""
    turn = request.scope.get(TURN)
    if turn is not None:
        turn.check()


async def read_body(request: Request) -> bytes:
    """Read at most MAX_BODY_BYTES.

    Raises: BodyTooLarge; ClientDisconnect, where the client has gone.
    """
    _check_announced_length(request)
    chunks: list[bytes] = []
    size, is_more = 0, True
    while is_more:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        chunks.append(message.get("body", b""))
        size += len(chunks[-1])
        if size > MAX_BODY_BYTES:
            raise BodyTooLarge
        is_more = message.get("more_body", False)
    return b"".join(chunks)


async def read_sent(request: Request) -> Sent:
    """Raises: BodyTooLarge, ClientDisconnect."""
    return Sent(headers=request.headers, query=request.url.query, body=await read_body(request))


async def read_fields(request: Request) -> Fields:
    """Read the body as a form.

    Raises: MediaTypeUnsupported, BodyTooLarge, RequestMalformed, ClientDisconnect.
    """
    check_form(request)
    return parse_fields(await read_body(request))


def read_members(sent: Sent) -> Mapping[str, object]:
    """Read the body as one JSON object; members that are null or "" count as absent.

    Raises: MediaTypeUnsupported, RequestMalformed.
    """
    _check_media_type(sent.headers.getlist("content-type"), JSON)
    check_encoding(sent)
    if not sent.body:
        return {}
    try:
        given = strict_json.read_document(sent.body)
    except ValueError:
        raise RequestMalformed("The body is not one JSON object.") from None
    return {name: value for name, value in given.items() if value not in (None, "")}


def check_form(request: Request) -> None:
    """A form, or no word about what it is. Raises: MediaTypeUnsupported, RequestMalformed."""
    _check_media_type(_fields_of(request, b"content-type"), FORM)
    _check_encoding(_fields_of(request, b"content-encoding"))


def _fields_of(request: Request, name: bytes) -> list[str]:
    """The fields of a header, read without making `request.headers` of all the others."""
    return [value.decode("latin-1") for key, value in request.scope["headers"] if key == name]


def _check_media_type(given: list[str], expected: str) -> None:
    """The one that is expected, or none.

    A charset parameter is no matter: the media types define none, and senders write ISO-8859-1
    over bodies of plain ASCII. What is not UTF-8 is refused when it is read.
    """
    match given:
        case []:
            return
        case [content_type]:
            media_type = content_type.partition(";")[0].strip().lower()
            if media_type not in ("", expected):
                raise MediaTypeUnsupported
        case _:
            raise RequestMalformed("The Content-Type is given twice.")


def check_encoding(sent: Sent) -> None:
    """Raises: BodyEncoded."""
    _check_encoding(sent.headers.getlist("content-encoding"))


def _check_encoding(given: list[str]) -> None:
    """No content coding is read: a small body could become a large one (RFC 9110 §8.4)."""
    if any(coding.strip().lower() not in ("", "identity") for coding in given):
        raise BodyEncoded


def parse_fields(body: bytes) -> Fields:
    """Take a form apart; a raw `%` or `+` is read as parsers of forms read it."""
    try:
        text = body.decode("utf-8")
        if "%" not in text and "+" not in text and text.count("&") < MAX_FIELDS:
            # As parse_qsl would, where nothing is to be decoded: so our clients send it.
            parts = [part.partition("=") for part in text.split("&") if part]
            return [(name, value) for name, _, value in parts]
        return parse_qsl(
            text,
            keep_blank_values=True,
            strict_parsing=False,
            encoding="utf-8",
            errors="strict",
            max_num_fields=MAX_FIELDS,
        )
    except UnicodeDecodeError:
        raise RequestMalformed("The body is not UTF-8.") from None
    except ValueError:
        raise RequestMalformed("The body has too many members.") from None


def members(fields: Fields) -> Mapping[str, str]:
    """Each member by its comparable name; empty ones count as absent (RFC 6749 §3.1)."""
    by_name: dict[str, str] = {}
    for name, value in fields:
        # RFC 6749 §3.2: a member MUST NOT be included more than once, an empty one neither.
        if (named := comparable(name)) in by_name:
            raise RequestMalformed("A member is given twice.")
        by_name[named] = value
    return {name: value for name, value in by_name.items() if value}


def comparable(name: str) -> str:
    """A name without case and underscores: `RefreshToken` and `refresh_token` are one."""
    # Case is ASCII's: U+212A, the Kelvin sign, is no `k`.
    return name.replace("_", "").lower() if name.isascii() else name


def is_true(value: str | None) -> bool:
    """Read a flag; an absent one is false."""
    if value is None:
        return False
    try:
        return _BOOLEANS[value.lower()]
    except KeyError:
        raise RequestMalformed("A flag is neither true nor false.") from None


def json_answer(
    status: int,
    content: Mapping[str, object],
    *,
    media_type: str = JSON,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """JSON in ASCII, its members in the given order, never to be stored."""
    return _Written(status, strict_json.write_ascii(content), media_type, _in_bytes(headers or {}))


def _in_bytes(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()]


_NO_STORE = _in_bytes(NO_STORE)


class _Written(Response):
    """An answer in bytes already: what Starlette would find out about it is known."""

    def __init__(
        self, status: int, body: bytes, media_type: str, headers: list[tuple[bytes, bytes]]
    ) -> None:
        self.status_code = status
        self.body = body
        self.background = None
        self.raw_headers = [
            *_NO_STORE,
            *headers,
            (b"content-length", b"%d" % len(body)),
            (b"content-type", media_type.encode()),
        ]


def no_content() -> Response:
    return Response(status_code=204, headers=NO_STORE)


def _check_announced_length(request: Request) -> None:
    for name, value in request.scope["headers"]:
        # What is no number here is for the HTTP parser to refuse; the bytes are counted anyway.
        is_length = name == b"content-length" and value.isdigit() and len(value) <= _DIGITS
        if is_length and int(value) > MAX_BODY_BYTES:
            raise BodyTooLarge
