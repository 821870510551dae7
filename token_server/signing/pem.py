"""Private keys as text: PKCS#8, encrypted where there is a passphrase."""

from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from token_server.problems import Problem
from token_server.signing import files


def read_passphrase(path: Path | None) -> bytes | None:
    """The first line of the file, None where no file is named. Raises: Problem."""
    if path is None:
        return None
    try:
        passphrase = files.read(path, refused_mode=0o077).partition(b"\n")[0].rstrip(b"\r")
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


def write_private_key(path: Path, key: RSAPrivateKey, passphrase: bytes | None) -> None:
    encryption: KeySerializationEncryption = NoEncryption()
    if passphrase is not None:
        encryption = BestAvailableEncryption(passphrase)
    files.create(path, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption))


def read_private_key(path: Path, passphrase_file: Path | None) -> RSAPrivateKey:
    """Raises: Problem, OSError."""
    passphrase = read_passphrase(passphrase_file)
    pem = files.read(path, refused_mode=0o077)
    try:
        key = load_pem_private_key(pem, passphrase)
    except TypeError as mismatch:
        raise _mismatch(path, passphrase_file) from mismatch
    except ValueError as fault:
        opened_with = f" with the passphrase in {passphrase_file}" if passphrase_file else ""
        raise Problem(
            f"{path} cannot be opened{opened_with}",
            hint="put back the file, or the passphrase, that it was made with",
        ) from fault
    if not isinstance(key, RSAPrivateKey):
        raise Problem(f"{path} is no RSA key", hint="put back the file as it was made")
    return key


def _mismatch(path: Path, passphrase_file: Path | None) -> Problem:
    if passphrase_file is None:
        return Problem(
            f"{path} is encrypted",
            hint="name the file that holds its passphrase in KEYS_PASSPHRASE_FILE",
        )
    return Problem(
        f"{path} is not encrypted, yet KEYS_PASSPHRASE_FILE is set",
        hint=f"openssl pkcs8 -topk8 -passout file:{passphrase_file} -in {path} -out {path}.new"
        f" && mv {path}.new {path}",
    )
