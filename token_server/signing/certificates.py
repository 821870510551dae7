"""Certificates of a key, as a JWK has them: `x5c`, `x5t`, `x5t#S256` (RFC 7517 §4.7-4.9)."""

import base64
import hashlib
from collections.abc import Iterable, Sequence
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import Encoding

from token_server.signing import base64url, rsa_keys
from token_server.signing.lifecycle import PublicKey


def chain_of(public: PublicKey, found: Iterable[x509.Certificate]) -> tuple[str, ...]:
    """The key's certificate and those that vouch for it, whatever the order they came in.

    Raises: ValueError, where none of them is the key's.
    """
    others = list(found)
    chain = []
    following = next((one for one in others if _is_of(one, public)), None)
    if others and following is None:
        raise ValueError("no certificate of it is that of the key")
    while following is not None:
        chain.append(following)
        others.remove(following)
        following = next((one for one in others if _vouches(one, chain[-1])), None)
    return tuple(_text(one) for one in chain)


def check(public: PublicKey) -> None:
    """Raises: ValueError, where `x5c` is not well-formed, or is not the key's."""
    certificates = [_read(text) for text in public.x5c]
    if certificates and not _is_of(certificates[0], public):
        raise ValueError("its certificate is that of another key")


def thumbprints(x5c: Sequence[str]) -> tuple[str, str]:
    """`x5t` and `x5t#S256`."""
    der = base64.b64decode(x5c[0])
    # RFC 7517 §4.8 says SHA-1; it names the certificate, and proves nothing.
    sha1 = hashlib.sha1(der, usedforsecurity=False).digest()
    return base64url.encode(sha1), base64url.encode(hashlib.sha256(der).digest())


def kid_of(x5c: Sequence[str]) -> str:
    """The certificate's SHA-1 fingerprint in capitals, as many servers name their keys."""
    der = base64.b64decode(x5c[0])
    return hashlib.sha1(der, usedforsecurity=False).hexdigest().upper()


def is_valid(x5c: Sequence[str], now: datetime) -> bool:
    certificate = _read(x5c[0])
    return certificate.not_valid_before_utc <= now < certificate.not_valid_after_utc


def _read(text: object) -> x509.Certificate:
    """Raises: ValueError."""
    if not isinstance(text, str):
        raise ValueError("a certificate is no text")  # noqa: TRY004 - all that is wrong with the file is one kind of error
    return x509.load_der_x509_certificate(base64.b64decode(text, validate=True))


def _text(certificate: x509.Certificate) -> str:
    return base64.b64encode(certificate.public_bytes(Encoding.DER)).decode("ascii")


def _is_of(certificate: x509.Certificate, public: PublicKey) -> bool:
    try:
        key = certificate.public_key()
    except (ValueError, UnsupportedAlgorithm):
        return False
    return isinstance(key, RSAPublicKey) and rsa_keys.numbers_of(key) == (public.n, public.e)


def _vouches(issuer: x509.Certificate, certificate: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True
