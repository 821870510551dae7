"""Client credentials in an Authorization header (RFC 6749 §2.3.1, RFC 7617)."""

import base64
import re
from urllib.parse import unquote_to_bytes

_SCHEME = "basic"
# RFC 9110 §5.6.2: what may go on with the name of a scheme.
_IS_BASIC = re.compile(rf"{_SCHEME}(?![!#$%&'*+.^_`|~0-9a-z-])", re.IGNORECASE | re.ASCII)


def is_basic(authorization: str) -> bool:
    """Also where what follows is malformed: who tries to prove something is not nobody."""
    return _IS_BASIC.match(authorization) is not None


def read_basic(authorization: str) -> tuple[str, str]:
    """Client id and secret. Raises: ValueError."""
    written = authorization[len(_SCHEME) :].strip(" ")
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
