"""Encrypted private keys: PKCS#8 (RFC 5958) with PBES2 (RFC 8018 §6.2).

`cryptography` writes this format with 2,048 rounds of PBKDF2 only, and holds the interpreter lock
while it opens it. This module writes `ROUNDS`, and other threads run while it opens a key.
OpenSSL reads what it writes.
"""

import base64
import os
import re

from cryptography import x509
from cryptography.hazmat import asn1
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC
from cryptography.hazmat.primitives.padding import PKCS7
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
    load_pem_private_key,
)

ROUNDS = 600_000
"""Of PBKDF2-HMAC-SHA256, as OWASP's Password Storage Cheat Sheet has it."""
MAX_ROUNDS = 20 * ROUNDS
"""A file that asks for more is refused: it would keep a core busy."""
KEY_BYTES = 32
SALT_BYTES = 16

_LABEL = b"ENCRYPTED PRIVATE KEY"
_BLOCK = re.compile(rb"-----BEGIN %b-----([A-Za-z0-9+/=\s]+)-----END %b-----" % (_LABEL, _LABEL))
_PBES2 = x509.ObjectIdentifier("1.2.840.113549.1.5.13")
_PBKDF2 = x509.ObjectIdentifier("1.2.840.113549.1.5.12")
_HMAC_SHA256 = x509.ObjectIdentifier("1.2.840.113549.2.9")
_AES_256_CBC = x509.ObjectIdentifier("2.16.840.1.101.3.4.1.42")


@asn1.sequence
class _Prf:
    algorithm: x509.ObjectIdentifier
    parameters: asn1.Null


@asn1.sequence
class _Pbkdf2Params:
    salt: bytes
    iteration_count: int
    prf: _Prf


@asn1.sequence
class _Kdf:
    algorithm: x509.ObjectIdentifier
    parameters: _Pbkdf2Params


@asn1.sequence
class _Encryption:
    algorithm: x509.ObjectIdentifier
    parameters: bytes


@asn1.sequence
class _Pbes2Params:
    kdf: _Kdf
    encryption: _Encryption


@asn1.sequence
class _Algorithm:
    algorithm: x509.ObjectIdentifier
    parameters: _Pbes2Params


@asn1.sequence
class _EncryptedPrivateKeyInfo:
    algorithm: _Algorithm
    encrypted_data: bytes


def encrypted(key: RSAPrivateKey, passphrase: bytes) -> bytes:
    """Return the key as PEM, encrypted with AES-256-CBC."""
    salt, iv = os.urandom(SALT_BYTES), os.urandom(algorithms.AES.block_size // 8)
    plain = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    padder = PKCS7(algorithms.AES.block_size).padder()
    encryptor = Cipher(algorithms.AES(derive(passphrase, salt)), modes.CBC(iv)).encryptor()
    padded = padder.update(plain) + padder.finalize()
    prf = _Prf(algorithm=_HMAC_SHA256, parameters=asn1.Null())
    info = _EncryptedPrivateKeyInfo(
        algorithm=_Algorithm(
            algorithm=_PBES2,
            parameters=_Pbes2Params(
                kdf=_Kdf(
                    algorithm=_PBKDF2,
                    parameters=_Pbkdf2Params(salt=salt, iteration_count=ROUNDS, prf=prf),
                ),
                encryption=_Encryption(algorithm=_AES_256_CBC, parameters=iv),
            ),
        ),
        encrypted_data=encryptor.update(padded) + encryptor.finalize(),
    )
    return _pem(asn1.encode_der(info))


def load(pem: bytes, passphrase: bytes | None) -> object:
    """Return the key in a PEM file, of any format that `cryptography` reads.

    Raises: TypeError, if it is encrypted and there is no passphrase, or the reverse; ValueError.
    """
    # The primes are not tested again: that takes 100 times as long as `rsa_keys.is_whole`.
    plain = None if passphrase is None else decrypted(pem, passphrase)
    if plain is None:
        return load_pem_private_key(pem, passphrase, unsafe_skip_rsa_key_validation=True)
    return load_der_private_key(plain, None, unsafe_skip_rsa_key_validation=True)


def decrypted(data: bytes, passphrase: bytes) -> bytes | None:
    """Return the PKCS#8 in PEM or DER, as DER; None for another format, or other algorithms.

    Raises: ValueError, if the passphrase is wrong, as far as that can be seen.
    """
    found = _parsed(data)
    return _decrypted(found, passphrase) if found else None


def derive(passphrase: bytes, salt: bytes, rounds: int = ROUNDS) -> bytes:
    """Return a key of `KEY_BYTES`. It is slow on purpose: that slows down guessing."""
    kdf = PBKDF2HMAC(algorithm=SHA256(), length=KEY_BYTES, salt=salt, iterations=rounds)
    return kdf.derive(passphrase)


def _parsed(data: bytes) -> _EncryptedPrivateKeyInfo | None:
    """None: another format, or other algorithms."""
    match = _BLOCK.search(data)
    try:
        der = base64.b64decode(match[1]) if match else data
        info = asn1.decode_der(_EncryptedPrivateKeyInfo, der)
    except ValueError:
        return None
    kdf, encryption = info.algorithm.parameters.kdf, info.algorithm.parameters.encryption
    used = (info.algorithm.algorithm, kdf.algorithm, kdf.parameters.prf.algorithm)
    if (*used, encryption.algorithm) != (_PBES2, _PBKDF2, _HMAC_SHA256, _AES_256_CBC):
        return None
    return info


def _decrypted(info: _EncryptedPrivateKeyInfo, passphrase: bytes) -> bytes:
    """Raises: ValueError."""
    parameters = info.algorithm.parameters
    kdf = parameters.kdf.parameters
    if not 0 < kdf.iteration_count <= MAX_ROUNDS:
        raise ValueError(f"it asks for {kdf.iteration_count} rounds")
    key = derive(passphrase, kdf.salt, kdf.iteration_count)
    decryptor = Cipher(
        algorithms.AES(key), modes.CBC(parameters.encryption.parameters)
    ).decryptor()
    padded = decryptor.update(info.encrypted_data) + decryptor.finalize()
    unpadder = PKCS7(algorithms.AES.block_size).unpadder()
    return unpadder.update(padded) + unpadder.finalize()


def _pem(der: bytes) -> bytes:
    body = base64.b64encode(der)
    lines = [body[at : at + 64] for at in range(0, len(body), 64)]
    return b"\n".join((b"-----BEGIN %b-----" % _LABEL, *lines, b"-----END %b-----" % _LABEL, b""))
