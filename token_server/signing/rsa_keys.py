"""RSA keys between the forms that are needed: to sign with, to verify with, to publish."""

from dataclasses import dataclass, field
from math import lcm

from cryptography.hazmat.primitives.asymmetric.rsa import (
    RSAPrivateKey,
    RSAPublicKey,
    RSAPublicNumbers,
    generate_private_key,
)
from joserfc.jwk import RSAKey

from token_server.signing import base64url
from token_server.signing.lifecycle import Keyset, PublicKey
from token_server.tokens.model import Kid

SMALLEST_KEY_SIZE = 2048
_PUBLIC_EXPONENT = 65537


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyPair:
    public: PublicKey
    private: RSAPrivateKey = field(repr=False)

    def is_in(self, keyset: Keyset) -> bool:
        key = keyset.find(self.public.kid)
        return key is not None and key.public == self.public


def make_pair(key_size: int) -> KeyPair:
    private = make(key_size)
    return KeyPair(public=public_part(private), private=private)


def make(key_size: int) -> RSAPrivateKey:
    return generate_private_key(public_exponent=_PUBLIC_EXPONENT, key_size=key_size)


def public_part(private: RSAPrivateKey) -> PublicKey:
    return named_by_thumbprint(private.public_key())


def named_by_thumbprint(key: RSAPublicKey) -> PublicKey:
    """Goes by its RFC 7638 thumbprint."""
    n, e = numbers_of(key)
    return PublicKey(kid=Kid(RSAKey.import_key(key).thumbprint()), n=n, e=e)


def numbers_of(key: RSAPublicKey) -> tuple[str, str]:
    """Modulus and exponent, as a JWK writes them (RFC 7518 §2, Base64urlUInt)."""
    numbers = key.public_numbers()
    return _written(numbers.n), _written(numbers.e)


def number(text: str) -> int:
    """Raises: ValueError."""
    return int.from_bytes(base64url.decode(text), "big")


def verifying_key(public: PublicKey) -> RSAPublicKey:
    """Raises: ValueError, where the numbers are no RSA key, or a small one."""
    key = RSAPublicNumbers(number(public.e), number(public.n)).public_key()
    # RFC 7518 §3.3
    if key.key_size < SMALLEST_KEY_SIZE:
        raise ValueError(f"it has {key.key_size} bits, fewer than {SMALLEST_KEY_SIZE}")
    return key


def is_half_of(private: RSAPrivateKey, public: PublicKey) -> bool:
    return numbers_of(private.public_key()) == (public.n, public.e)


def is_whole(private: RSAPrivateKey) -> bool:
    """Whether its numbers belong together (RFC 8017 §3.2).

    That p and q are primes is not looked at: where the modulus is that of a key pair which was
    made, or checked, before, nothing but its two primes makes it up.
    """
    key = private.private_numbers()
    n, e = key.public_numbers.n, key.public_numbers.e
    return (
        key.p > 1 < key.q
        and key.p * key.q == n
        and e * key.d % lcm(key.p - 1, key.q - 1) == 1
        and key.dmp1 == key.d % (key.p - 1)
        and key.dmq1 == key.d % (key.q - 1)
        and key.iqmp * key.q % key.p == 1
    )


def thumbprint(public: PublicKey) -> str:
    return RSAKey.import_key(verifying_key(public)).thumbprint()


def _written(number: int) -> str:
    return base64url.encode(number.to_bytes((number.bit_length() + 7) // 8, "big"))
