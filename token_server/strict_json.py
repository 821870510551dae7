"""JSON (RFC 8259), read strictly: what two readers could understand in two ways is refused.

Written compactly, the same bytes for the same values.
"""

import codecs
import json
import math
from collections.abc import Mapping

import orjson

DEEPEST = 64
"""As deep as objects and arrays may nest, however deep the stack happens to be already."""


def read_object(data: bytes) -> dict[str, object]:
    """Raises: ValueError, and nothing else; its text does not quote what was read."""
    if (value := _as_we_write(data)) is not None:
        return value
    text = data.decode("utf-8")
    try:
        decoded = _strict.decode(text)
    except RecursionError:
        raise ValueError("nested too deep") from None
    if not isinstance(decoded, dict):
        raise ValueError("no JSON object")  # noqa: TRY004 - all that is wrong with the text is one kind of error
    # Without that many brackets it cannot be so deep.
    if text.count("{") + text.count("[") > DEEPEST:
        _check_depth(decoded)
    if "\\u" in text:
        # An escaped half of a surrogate pair is no text, and would fail wherever it is written.
        _write(decoded).encode("utf-8")
    return decoded


def read_document(data: bytes) -> dict[str, object]:
    """Read an object, and skip a byte order mark (RFC 8259 §8.1). Raises: ValueError."""
    return read_object(data.removeprefix(codecs.BOM_UTF8))


def _as_we_write(data: bytes) -> dict[str, object] | None:
    """The object, where `write` would have written these very bytes: nothing about it is odd.

    There is no member twice then, nor any number that would be another one when it is written.
    """
    try:
        value = orjson.loads(data)
    except ValueError:
        return None
    is_shallow = data.count(b"{") + data.count(b"[") <= DEEPEST
    if is_shallow and isinstance(value, dict) and orjson.dumps(value) == data:
        return value
    return None


def write(members: Mapping[str, object]) -> bytes:
    """An object in UTF-8. Raises: ValueError, for what is no number and no text in JSON."""
    try:
        written = orjson.dumps(members)
    except orjson.JSONEncodeError:
        # A number of more than 64 bits is one.
        return _write(members).encode("utf-8")
    # So orjson writes an infinite number too.
    return _write(members).encode("utf-8") if b"null" in written else written


def write_ascii(members: Mapping[str, object]) -> bytes:
    """An object in ASCII, for those who read it in whatever encoding they are used to."""
    written = write(members)
    return written if written.isascii() else _write_ascii(members).encode("ascii")


def _without_duplicates(members: list[tuple[str, object]]) -> dict[str, object]:
    unique = dict(members)
    # RFC 8259 §4: readers differ in which one they take.
    if len(unique) < len(members):
        raise ValueError("a member stands twice")
    return unique


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("no finite number")
    return number


def _check_depth(value: dict[str, object]) -> None:
    level: list[dict[str, object] | list[object]] = [value]
    for _ in range(DEEPEST):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, dict | list)
        ]
        if not level:
            return
    raise ValueError("nested too deep")


# NaN and Infinity are names to Python's reader; 1e999 is a number that becomes one.
_strict = json.JSONDecoder(
    object_pairs_hook=_without_duplicates, parse_constant=_finite, parse_float=_finite
)
_write = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode
_write_ascii = json.JSONEncoder(allow_nan=False, separators=(",", ":")).encode
