"""Private keys as text: PKCS#8, encrypted where there is a passphrase."""

import re
from pathlib import Path
from typing import overload

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from token_server.problems import Problem
from token_server.signing import files, pkcs8, rsa_keys

MIN_PASSPHRASE_BYTES = 16
LOST = (
    'put the file back from a backup, or let another key sign: "token-server keys revoke KID"; '
    '"token-server keys list" shows the KID'
)
_COMPLETE = re.compile(rb"-----BEGIN ([A-Z ]+)-----.+-----END \1-----", re.DOTALL)


@overload
def read_passphrase(path: Path) -> bytes: ...
@overload
def read_passphrase(path: None) -> None: ...
@overload
def read_passphrase(path: Path | None) -> bytes | None: ...
def read_passphrase(path: Path | None) -> bytes | None:
    """The first line of the file, None where no file is named. Raises: Problem."""
    if path is None:
        return None
    try:
        passphrase = files.read_secret(path).partition(b"\n")[0].rstrip(b"\r")
    except OSError as error:
        raise Problem(
            f"{path} cannot be read: {error.strerror}",
            hint="KEYS_PASSPHRASE_FILE must name the file that holds the passphrase of the keys",
        ) from error
    if not passphrase:
        raise Problem(
            f"{path} holds no passphrase",
            hint=f'make one with "openssl rand -base64 32 > {path}"',
        )
    return passphrase


@overload
def read_new_passphrase(path: Path) -> bytes: ...
@overload
def read_new_passphrase(path: None) -> None: ...
@overload
def read_new_passphrase(path: Path | None) -> bytes | None: ...
def read_new_passphrase(path: Path | None) -> bytes | None:
    """Return a passphrase to encrypt with from now on. Raises: Problem, also for a short one."""
    passphrase = read_passphrase(path)
    if passphrase is not None and len(passphrase) < MIN_PASSPHRASE_BYTES:
        raise Problem(
            f"the passphrase in {path} has {len(passphrase)} bytes, "
            f"fewer than {MIN_PASSPHRASE_BYTES}",
            hint=f'make one with "openssl rand -base64 32 > {path}"',
        )
    return passphrase


def write_private_key(path: Path, key: RSAPrivateKey, passphrase: bytes | None) -> None:
    files.create(path, to_pem(key, passphrase))


def read_private_key(path: Path, passphrase_file: Path | None) -> RSAPrivateKey:
    """Raises: Problem, OSError."""
    return from_pem(files.read_secret(path), str(path), passphrase_file)


def to_pem(key: RSAPrivateKey, passphrase: bytes | None) -> bytes:
    if passphrase is None:
        return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return pkcs8.encrypted(key, passphrase)


def from_pem(pem: bytes, where: str, passphrase_file: Path | None) -> RSAPrivateKey:
    """A key that we wrote; whether it is the one that is looked for is for the caller to say.

    Raises: Problem.
    """
    passphrase = read_passphrase(passphrase_file)
    if not _COMPLETE.search(pem):
        raise _damaged(where, "it is no complete PEM file" if pem.strip() else "it is empty")
    try:
        key = pkcs8.load(pem, passphrase)
    except TypeError as mismatch:
        raise _mismatch(where, passphrase_file) from mismatch
    except ValueError as fault:
        raise _closed(where, passphrase_file) from fault
    if not isinstance(key, RSAPrivateKey):
        raise Problem(f"{where} is no RSA key", hint=LOST)
    if not rsa_keys.is_whole(key):
        raise _closed(where, passphrase_file)
    return key


def _closed(where: str, passphrase_file: Path | None) -> Problem:
    if passphrase_file is None:
        return _damaged(where, "it holds no private key that can be read")
    return Problem(
        f"{where} cannot be opened with the passphrase in {passphrase_file}",
        hint="KEYS_PASSPHRASE_FILE must name the passphrase that the key was encrypted with; "
        f"if it does, the file is damaged: {LOST}",
    )


def _damaged(where: str, how: str) -> Problem:
    return Problem(f"{where} is damaged: {how}", hint=LOST)


def _mismatch(where: str, passphrase_file: Path | None) -> Problem:
    if passphrase_file is None:
        return Problem(
            f"{where} is encrypted",
            hint="name the file that holds its passphrase in KEYS_PASSPHRASE_FILE",
        )
    return Problem(
        f"{where} is not encrypted, yet KEYS_PASSPHRASE_FILE is set",
        hint='"token-server keys passphrase" encrypts every private key with that passphrase',
    )
