"""A key that was made elsewhere, read from PEM, DER, PKCS#12 or a JWK."""

import base64
import re
from collections.abc import Callable
from contextlib import suppress

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import (
    load_der_private_key,
    load_der_public_key,
    load_pem_private_key,
    load_pem_public_key,
)
from cryptography.hazmat.primitives.serialization.pkcs12 import (
    PKCS12KeyAndCertificates,
    load_pkcs12,
)

from token_server.problems import Problem
from token_server.signing import foreign_key, pkcs8
from token_server.signing.foreign_jwk import read_jwk
from token_server.signing.foreign_key import ForeignKey, Passphrase, private_of, public_of

# Of a key with a long chain of certificates; a larger one takes minutes to search.
LARGEST_FILE = 100_000
FORMATS = "give an RSA key as PEM (PKCS#8 or PKCS#1), DER, PKCS#12 or JWK"
HOW_TO_OPEN = (
    "write the passphrase of the file to stdin as one line: "
    '"token-server keys import FILE < PASSPHRASE_FILE"'
)

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_BLOCK = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----(.+?)-----END \1-----", re.DOTALL)
_SEQUENCE = b"\x30"
# The tag and the value of a PKCS#12 file's version, which no key has in this place.
_PKCS12_VERSION = b"\x02\x01\x03"
_PKCS12_VERSION_ENDS_BEFORE = 10
_UNREADABLE = (ValueError, TypeError, UnsupportedAlgorithm)


def read_foreign_key(data: bytes, passphrase: Passphrase) -> ForeignKey:
    """Raises: Problem."""
    data = data.removeprefix(_BYTE_ORDER_MARK)
    if not data.strip():
        raise Problem("the file is empty", hint=FORMATS)
    if data.lstrip().startswith(b"{"):
        found = read_jwk(data)
    elif b"-----BEGIN " in data:
        found = _read_pem(data, passphrase)
    elif not data.startswith(_SEQUENCE):
        raise Problem("the file is no key that can be read", hint=FORMATS)
    elif _PKCS12_VERSION in data[:_PKCS12_VERSION_ENDS_BEFORE]:
        found = _read_pkcs12(data, passphrase)
    else:
        found = _read_der(data, passphrase)
    foreign_key.check(found)
    return found


def read_certificates(data: bytes) -> tuple[x509.Certificate, ...]:
    """PEM, or one in DER. Raises: Problem."""
    try:
        if b"-----BEGIN " in data:
            return tuple(x509.load_pem_x509_certificates(data))
        return (x509.load_der_x509_certificate(data),)
    except ValueError as fault:
        raise Problem("the certificate cannot be read", hint="give it as PEM or DER") from fault


def _read_pem(data: bytes, passphrase: Passphrase) -> ForeignKey:
    blocks = [(match[1], match[0], match[2]) for match in _BLOCK.finditer(data)]
    private = [each for each in blocks if each[0].endswith(b"PRIVATE KEY")]
    public = [each for each in blocks if each[0].endswith(b"PUBLIC KEY")]
    chain = b"\n".join(block for kind, block, _ in blocks if kind == b"CERTIFICATE")
    certificates = read_certificates(chain) if chain else ()
    if len(private) > 1:
        raise Problem("the file holds several private keys", hint="give it one at a time")
    if private:
        _check_pem_algorithm(private[0][2])
        key = private_of(_opened_pem(private[0][1], passphrase))
        return ForeignKey(public=key.public_key(), private=key, certificates=certificates)
    try:
        if public:
            _check_pem_algorithm(public[0][2])
            loaded: object = load_pem_public_key(public[0][1])
        else:
            loaded = certificates[0].public_key()
    except (ValueError, IndexError, UnsupportedAlgorithm) as fault:
        raise Problem("the file holds no key that can be read", hint=FORMATS) from fault
    return ForeignKey(public=public_of(loaded), certificates=certificates)


def _check_pem_algorithm(body: bytes) -> None:
    # A body with headers is PKCS#1, which has no algorithm.
    if b":" not in body:
        with suppress(ValueError):
            foreign_key.check_algorithm(base64.b64decode(body))


def _opened_pem(block: bytes, passphrase: Passphrase) -> object:
    try:
        return load_pem_private_key(block, None)
    except TypeError:
        pass  # It is encrypted.
    except (ValueError, UnsupportedAlgorithm) as fault:
        raise Problem("the private key cannot be read", hint=FORMATS) from fault
    try:
        return _decrypted(block, passphrase(), load_pem_private_key)
    except (ValueError, UnsupportedAlgorithm) as fault:
        raise _wrong_passphrase() from fault


def _decrypted(
    data: bytes, passphrase: bytes, otherwise: Callable[[bytes, bytes], object]
) -> object:
    plain = pkcs8.decrypted(data, passphrase)
    if plain is None:
        return otherwise(data, passphrase)
    foreign_key.check_algorithm(plain)
    return load_der_private_key(plain, None)


def _read_der(data: bytes, passphrase: Passphrase) -> ForeignKey:
    """PKCS#8, PKCS#1, a public key, or a certificate."""
    foreign_key.check_algorithm(data)
    try:
        key = private_of(_opened_der(data, passphrase))
        return ForeignKey(public=key.public_key(), private=key)
    except _UNREADABLE:
        pass
    try:
        return ForeignKey(public=public_of(load_der_public_key(data)))
    except _UNREADABLE:
        pass
    try:
        certificate = x509.load_der_x509_certificate(data)
        return ForeignKey(public=public_of(certificate.public_key()), certificates=(certificate,))
    except _UNREADABLE as fault:
        raise Problem("the file is no key that can be read", hint=FORMATS) from fault


def _opened_der(data: bytes, passphrase: Passphrase) -> object:
    try:
        return load_der_private_key(data, None)
    except TypeError:
        pass  # It is encrypted.
    try:
        return _decrypted(data, passphrase(), load_der_private_key)
    except ValueError as fault:
        raise _wrong_passphrase() from fault


def _read_pkcs12(data: bytes, passphrase: Passphrase) -> ForeignKey:
    found = _opened_pkcs12(data, None) or _opened_pkcs12(data, b"")
    found = found or _opened_pkcs12(data, passphrase())
    if found is None:
        raise _wrong_passphrase()
    key = private_of(found.key)
    first = [found.cert] if found.cert else []
    return ForeignKey(
        public=key.public_key(),
        private=key,
        certificates=tuple(entry.certificate for entry in (*first, *found.additional_certs)),
    )


def _opened_pkcs12(data: bytes, passphrase: bytes | None) -> PKCS12KeyAndCertificates | None:
    try:
        return load_pkcs12(data, passphrase)
    except (ValueError, UnsupportedAlgorithm):
        return None


def _wrong_passphrase() -> Problem:
    return Problem("the private key cannot be opened with this passphrase", hint=HOW_TO_OPEN)
