"""base64url without padding (RFC 7515 §2), in the one spelling that each text has."""

import base64


def encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def decode(text: str) -> bytes:
    """Raises: ValueError, for any text that `encode` does not write."""
    data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    # Python skips foreign characters and ignores spare bits: compare instead of listing them.
    if encode(data) != text:
        raise ValueError("not canonical base64url")
    return data
