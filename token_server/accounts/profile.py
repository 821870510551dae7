"""An account's profile: one JSON object, read strictly."""

import json
import math
from collections.abc import Sequence

from token_server.problems import Problem

LARGEST_PROFILE = 64 * 1024


def read_profile(document: bytes) -> str:
    """The profile as compact JSON text. Raises: Problem."""
    if len(document) > LARGEST_PROFILE:
        raise Problem(f"the profile is larger than {LARGEST_PROFILE} bytes")
    try:
        profile = json.loads(
            document.decode(),
            object_pairs_hook=_object,
            parse_constant=_no_number,
            parse_float=_finite,
        )
        text = json.dumps(profile, ensure_ascii=False, separators=(",", ":"))
        text.encode()  # "\ud800" is JSON, but no text
    except (ValueError, RecursionError) as fault:
        raise Problem(
            "the profile is not JSON", hint="UTF-8, no member twice, no NaN (RFC 8259)"
        ) from fault
    if not isinstance(profile, dict):
        raise Problem("the profile is not a JSON object", hint='such as {"email": "a@b.example"}')
    return text


def _object(members: Sequence[tuple[str, object]]) -> dict[str, object]:
    found = dict(members)
    if len(found) < len(members):
        raise ValueError("a member is given twice")
    return found


def _no_number(_name: str) -> float:
    raise ValueError("not a number")


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):  # 1e999, which would be written as Infinity
        raise ValueError("too large a number")
    return number
