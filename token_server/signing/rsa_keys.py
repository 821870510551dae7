"""RSA keys between the forms that are needed: to sign with, to verify with, to publish."""

from cryptography.hazmat.primitives.asymmetric.rsa import (
    RSAPrivateKey,
    RSAPublicNumbers,
    generate_private_key,
)
from joserfc.jwk import RSAKey

from token_server.signing import base64url
from token_server.signing.lifecycle import PublicKey
from token_server.tokens.model import Kid

SMALLEST_KEY_SIZE = 2048
_PUBLIC_EXPONENT = 65537


def make(key_size: int) -> RSAPrivateKey:
    return generate_private_key(public_exponent=_PUBLIC_EXPONENT, key_size=key_size)


def public_part(private: RSAPrivateKey) -> PublicKey:
    """Goes by its RFC 7638 thumbprint."""
    key = RSAKey.import_key(private.public_key())
    members = key.as_dict(private=False)
    return PublicKey(kid=Kid(key.thumbprint()), n=str(members["n"]), e=str(members["e"]))


def verifying_key(public: PublicKey) -> RSAKey:
    """Raises: ValueError, where the numbers are no RSA key, or a small one."""
    e, n = (int.from_bytes(base64url.decode(number), "big") for number in (public.e, public.n))
    key = RSAPublicNumbers(e, n).public_key()
    # RFC 7518 §3.3
    if key.key_size < SMALLEST_KEY_SIZE:
        raise ValueError(f"it has {key.key_size} bits, fewer than {SMALLEST_KEY_SIZE}")
    return RSAKey.import_key(key)


def thumbprint(public: PublicKey) -> str:
    return verifying_key(public).thumbprint()
