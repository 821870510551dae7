"""Client credentials in an Authorization header (RFC 6749 §2.3.1, RFC 7617)."""

import base64
from urllib.parse import unquote_to_bytes


def is_basic(authorization: str) -> bool:
    return authorization.partition(" ")[0].lower() == "basic"


def read_basic(authorization: str) -> tuple[str, str]:
    """Client id and secret. Raises: ValueError."""
    written = authorization.partition(" ")[2].strip(" ")
    decoded = base64.b64decode(written, validate=True)
    # Python ignores spare bits: two spellings of the same credentials are one too many.
    if base64.b64encode(decoded).decode("ascii") != written:
        raise ValueError("not canonical base64")
    client_id, colon, secret = decoded.decode("utf-8").partition(":")
    if not colon:
        raise ValueError("no colon")
    return form_decoded(client_id), form_decoded(secret)


def form_decoded(text: str) -> str:
    """RFC 6749 appendix B. Raises: ValueError, where it is not UTF-8."""
    return unquote_to_bytes(text.replace("+", " ")).decode("utf-8")
