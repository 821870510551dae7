"""base64url without padding (RFC 7515 §2), in the one spelling that each text has."""

import pybase64

_URL_SAFE = b"-_"
_STANDARD = bytes.maketrans(_URL_SAFE, b"+/")


def encode(data: bytes) -> str:
    return pybase64.b64encode_as_string(data, _URL_SAFE).rstrip("=")


def decode(text: str) -> bytes:
    """Raises: ValueError, for any text that `encode` does not write."""
    # Not with `altchars`: that warns of `+` and `/`, and is to skip them one day.
    padded = text.encode("ascii").translate(_STANDARD) + b"=" * (-len(text) % 4)
    data = pybase64.b64decode(padded)
    # It skips foreign characters and ignores spare bits: compare instead of listing them.
    if encode(data) != text:
        raise ValueError("not canonical base64url")
    return data
