"""An account's profile: one JSON object, read strictly."""

import json

from token_server import strict_json
from token_server.problems import Problem

LARGEST_PROFILE = 64 * 1024


def read_profile(document: bytes) -> str:
    """The profile as compact JSON text. Raises: Problem."""
    if len(document) > LARGEST_PROFILE:
        raise Problem(f"the profile is larger than {LARGEST_PROFILE} bytes")
    try:
        profile = strict_json.read_object(document)
    except ValueError as fault:
        raise Problem(
            "the profile is not a JSON object",
            hint='such as {"email": "a@b.example"}: UTF-8, no member twice, no NaN (RFC 8259)',
        ) from fault
    return json.dumps(profile, ensure_ascii=False, separators=(",", ":"))
