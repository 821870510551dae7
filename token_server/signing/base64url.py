"""base64url without padding (RFC 7515 §2), in the one spelling that each text has."""

import binascii

_URL_SAFE = bytes.maketrans(b"+/", b"-_")
_STANDARD = bytes.maketrans(b"-_", b"+/")


def encode(data: bytes) -> str:
    return binascii.b2a_base64(data, newline=False).translate(_URL_SAFE, b"=").decode("ascii")


def decode(text: str) -> bytes:
    """Raises: ValueError, for any text that `encode` does not write."""
    padded = text.encode("ascii").translate(_STANDARD) + b"=" * (-len(text) % 4)
    data = binascii.a2b_base64(padded)
    # Python skips foreign characters and ignores spare bits: compare instead of listing them.
    if encode(data) != text:
        raise ValueError("not canonical base64url")
    return data
