"""JSON (RFC 8259), read strictly: what two readers could understand in two ways is refused."""

import json
import math

DEEPEST = 64
"""As deep as objects and arrays may nest, however deep the stack happens to be already."""


def read_object(data: bytes) -> dict[str, object]:
    """Raises: ValueError, and nothing else; its text does not quote what was read."""
    text = data.decode("utf-8")
    try:
        value = _strict.decode(text)
    except RecursionError:
        raise ValueError("nested too deep") from None
    if not isinstance(value, dict):
        raise ValueError("no JSON object")  # noqa: TRY004 - all that is wrong with the text is one kind of error
    # Without that many brackets it cannot be so deep.
    if text.count("{") + text.count("[") > DEEPEST:
        _check_depth(value)
    if "\\u" in text:
        # An escaped half of a surrogate pair is no text, and would fail wherever it is written.
        _write(value).encode("utf-8")
    return value


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
_write = json.JSONEncoder(ensure_ascii=False).encode
