"""The MAC of keyset.json in the store: HMAC-SHA-256 with a key that the passphrase yields.

The last member of the text is `"mac": "METHOD.SALT.TAG"`. The tag covers every byte before it.
The text is verified before it is parsed. A program without the passphrase cannot make a tag.
"""

import hashlib
import hmac
import os
import re
from functools import lru_cache
from threading import Lock

from token_server.signing import base64url, pkcs8

METHOD = "hmac-sha256-pbkdf2-600000"
# A salt of an encrypted private key never yields this key.
_PURPOSE = b"token-server keyset.json\0"
_one_at_a_time = Lock()
_END = b"\n}\n"
_TAIL = re.compile(
    rb'  "mac": "' + METHOD.encode() + rb'\.([A-Za-z0-9_-]{22})\.([A-Za-z0-9_-]{43})"\n\}\n\Z'
)


class NoMac(ValueError):
    """The text has no MAC of this method."""


class WrongMac(ValueError):
    """The MAC was made with another passphrase, or for another text."""


def with_mac(text: bytes, passphrase: bytes, salt: bytes) -> bytes:
    """Append the MAC to the text of a JSON object that ends in a line of its own."""
    signed = text.removesuffix(_END) + b",\n"
    tag = base64url.encode(_tag(signed, passphrase, salt))
    mac = f'  "mac": "{METHOD}.{base64url.encode(salt)}.{tag}"'
    return signed + mac.encode("ascii") + _END


def new_salt() -> bytes:
    return os.urandom(pkcs8.SALT_BYTES)


def verify(text: bytes, passphrase: bytes) -> bytes:
    """Return the salt. Raises: NoMac, WrongMac."""
    tail = _TAIL.search(text)
    if tail is None:
        raise NoMac
    try:
        salt = base64url.decode(tail[1].decode("ascii"))
    except ValueError:
        raise NoMac from None
    expected = base64url.encode(_tag(text[: tail.start()], passphrase, salt))
    if not hmac.compare_digest(expected.encode("ascii"), tail[2]):
        raise WrongMac
    return salt


def _tag(signed: bytes, passphrase: bytes, salt: bytes) -> bytes:
    return hmac.digest(_key(passphrase, salt), signed, hashlib.sha256)


def _key(passphrase: bytes, salt: bytes) -> bytes:
    with _one_at_a_time:
        return _derived(passphrase, salt)


@lru_cache(maxsize=4)
def _derived(passphrase: bytes, salt: bytes) -> bytes:
    """Cached, because it is slow on purpose and a salt stays for as long as a passphrase."""
    return pkcs8.derive(passphrase, _PURPOSE + salt)
