"""A key that was made elsewhere, read from PEM, PKCS#12 or a JWK."""

import base64
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import (
    RSAPrivateKey,
    RSAPrivateNumbers,
    RSAPublicKey,
    RSAPublicNumbers,
    rsa_crt_dmp1,
    rsa_crt_dmq1,
    rsa_crt_iqmp,
    rsa_recover_prime_factors,
)
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key
from cryptography.hazmat.primitives.serialization.pkcs12 import (
    PKCS12KeyAndCertificates,
    load_pkcs12,
)

from token_server.problems import Problem
from token_server.signing.jws import ALGORITHM
from token_server.signing.rsa_keys import SMALLEST_KEY_SIZE, number

# Of a key with a long chain of certificates; a larger one takes minutes to search.
LARGEST_FILE = 100_000
# What a verifier takes: joserfc reads no longer signature.
LARGEST_KEY_SIZE = 8192

_BLOCK = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----.+?-----END \1-----", re.DOTALL)

Passphrase = Callable[[], bytes]
"""Asked for only if the file needs one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignKey:
    public: RSAPublicKey
    private: RSAPrivateKey | None = field(default=None, repr=False)
    certificates: tuple[x509.Certificate, ...] = ()
    kid: str | None = None
    """The name that the file gives it."""


def read_foreign_key(data: bytes, passphrase: Passphrase) -> ForeignKey:
    """Raises: Problem."""
    if data.lstrip().startswith(b"{"):
        found = _read_jwk(data)
    elif b"-----BEGIN " in data:
        found = _read_pem(data, passphrase)
    else:
        found = _read_pkcs12(data, passphrase)
    size = found.public.key_size
    if not SMALLEST_KEY_SIZE <= size <= LARGEST_KEY_SIZE:
        raise Problem(
            f"the key has {size} bits",
            hint=f"it must have {SMALLEST_KEY_SIZE} to {LARGEST_KEY_SIZE} (RFC 7518 §3.3)",
        )
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
    blocks = [(match[1], match[0]) for match in _BLOCK.finditer(data)]
    private = [block for kind, block in blocks if kind.endswith(b"PRIVATE KEY")]
    public = [block for kind, block in blocks if kind.endswith(b"PUBLIC KEY")]
    chain = b"\n".join(block for kind, block in blocks if kind == b"CERTIFICATE")
    certificates = read_certificates(chain) if chain else ()
    if len(private) > 1:
        raise Problem("the file holds several private keys", hint="give it one at a time")
    if private:
        key = _rsa(_opened_pem(private[0], passphrase))
        return ForeignKey(public=key.public_key(), private=key, certificates=certificates)
    try:
        loaded: object = load_pem_public_key(public[0]) if public else certificates[0].public_key()
    except (ValueError, IndexError, UnsupportedAlgorithm) as fault:
        raise Problem("the file holds no key that can be read") from fault
    if not isinstance(loaded, RSAPublicKey):
        raise _not_rsa()
    return ForeignKey(public=loaded, certificates=certificates)


def _opened_pem(block: bytes, passphrase: Passphrase) -> object:
    try:
        return load_pem_private_key(block, None)
    except TypeError:
        pass  # It is encrypted.
    except (ValueError, UnsupportedAlgorithm) as fault:
        raise Problem("the private key cannot be read") from fault
    try:
        return load_pem_private_key(block, passphrase())
    except (ValueError, UnsupportedAlgorithm) as fault:
        raise Problem("the private key cannot be opened with this passphrase") from fault


def _read_pkcs12(data: bytes, passphrase: Passphrase) -> ForeignKey:
    found = _opened_pkcs12(data, None) or _opened_pkcs12(data, b"")
    found = found or _opened_pkcs12(data, passphrase())
    if found is None:
        raise Problem(
            "the file cannot be opened with this passphrase, or is none that can be read",
            hint="give a key as PEM, PKCS#12 or JWK",
        )
    key = _rsa(found.key)
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


def _read_jwk(data: bytes) -> ForeignKey:
    """RFC 7517 §4, RFC 7518 §6.3; or a JWK Set of one key."""
    try:
        jwk = json.loads(data)
        if "keys" in jwk:
            (jwk,) = jwk["keys"]
        if jwk["kty"] != "RSA":
            raise _not_rsa()
        if jwk.get("alg", ALGORITHM) != ALGORITHM or jwk.get("use", "sig") != "sig":
            raise Problem("the key is for another use", hint=f"tokens are signed with {ALGORITHM}")
        public = RSAPublicNumbers(number(jwk["e"]), number(jwk["n"]))
        return ForeignKey(
            public=public.public_key(),
            private=_private_numbers(jwk, public).private_key() if "d" in jwk else None,
            certificates=tuple(
                x509.load_der_x509_certificate(base64.b64decode(text, validate=True))
                for text in jwk.get("x5c", [])
            ),
            kid=jwk.get("kid"),
        )
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        # What they say may quote the file.
        raise Problem("the file is no JWK of an RSA key that can be read") from None


def _private_numbers(jwk: dict[str, str], public: RSAPublicNumbers) -> RSAPrivateNumbers:
    d = number(jwk["d"])
    if "p" in jwk and "q" in jwk:
        p, q = number(jwk["p"]), number(jwk["q"])
    else:
        p, q = rsa_recover_prime_factors(public.n, public.e, d)
    return RSAPrivateNumbers(
        p, q, d, rsa_crt_dmp1(d, p), rsa_crt_dmq1(d, q), rsa_crt_iqmp(p, q), public
    )


def _rsa(key: object) -> RSAPrivateKey:
    if not isinstance(key, RSAPrivateKey):
        raise _not_rsa()
    return key


def _not_rsa() -> Problem:
    return Problem("the file holds no RSA key", hint=f"tokens are signed with {ALGORITHM}")
