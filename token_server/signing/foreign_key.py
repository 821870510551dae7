"""What a key file of another server yields, and what such a key must be."""

from collections.abc import Callable
from dataclasses import dataclass, field

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

from token_server.problems import Problem
from token_server.signing.jws import ALGORITHM
from token_server.signing.rsa_keys import SMALLEST_KEY_SIZE

# What a verifier takes: joserfc reads no longer signature.
LARGEST_KEY_SIZE = 8192

RSASSA_PSS = x509.ObjectIdentifier("1.2.840.113549.1.1.10")
_RSASSA_PSS_DER = bytes.fromhex("06092a864886f70d01010a")
# Before the key itself comes its algorithm.
_ALGORITHM_ENDS_BEFORE = 64

Passphrase = Callable[[], bytes]
"""Asked for only if the file needs one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignKey:
    public: RSAPublicKey
    private: RSAPrivateKey | None = field(default=None, repr=False)
    certificates: tuple[x509.Certificate, ...] = ()
    kid: str | None = None
    """The name that the file gives it."""


def check(found: ForeignKey) -> None:
    """Raises: Problem, where tokens cannot be signed or verified with it."""
    size = found.public.key_size
    if not SMALLEST_KEY_SIZE <= size <= LARGEST_KEY_SIZE:
        raise Problem(
            f"the key has {size} bits",
            hint=f"it must have {SMALLEST_KEY_SIZE} to {LARGEST_KEY_SIZE} (RFC 7518 §3.3)",
        )
    if any(each.public_key_algorithm_oid == RSASSA_PSS for each in found.certificates[:1]):
        raise _restricted()


def check_algorithm(der: bytes) -> None:
    """Raises: Problem, for a key that is restricted to RSASSA-PSS (RFC 4055 §1.2)."""
    if _RSASSA_PSS_DER in der[:_ALGORITHM_ENDS_BEFORE]:
        raise _restricted()


def private_of(key: object) -> RSAPrivateKey:
    """Raises: Problem."""
    if not isinstance(key, RSAPrivateKey):
        raise not_rsa()
    return key


def public_of(key: object) -> RSAPublicKey:
    """Raises: Problem."""
    if not isinstance(key, RSAPublicKey):
        raise not_rsa()
    return key


def not_rsa() -> Problem:
    return Problem(
        "the file holds no RSA key",
        hint=f"tokens are signed with {ALGORITHM}: give an RSA key of {SMALLEST_KEY_SIZE} bits "
        "or more",
    )


def _restricted() -> Problem:
    return Problem(
        "the key is for RSASSA-PSS alone (PS256, PS384, PS512)",
        hint=f"tokens are signed with {ALGORITHM} (RSASSA-PKCS1-v1_5): give a key of the type "
        "rsaEncryption, which no other scheme uses",
    )
