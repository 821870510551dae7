"""Keys from other servers: which files are read, and what is refused."""

import base64
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1
from cryptography.hazmat.primitives.asymmetric.ec import generate_private_key as make_ec_key
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key as make_rsa_key
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from cryptography.hazmat.primitives.serialization.pkcs12 import serialize_key_and_certificates
from joserfc.jwk import RSAKey
from support.certificates import as_der, as_pem, certificate, of_an_unknown_kind
from support.keys import private_key

from token_server.problems import Problem
from token_server.signing import pkcs8
from token_server.signing.foreign import read_certificates, read_foreign_key
from token_server.signing.foreign_key import ForeignKey

OPENSSL = shutil.which("openssl")
KEY = private_key(0)
PASSPHRASE = b"8q3vYw0nW5yJm2s1V7cZ4g"
PKCS8, PKCS1 = PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL
PLAIN, ENCRYPTED = NoEncryption(), BestAvailableEncryption(PASSPHRASE)


def never_asked() -> bytes:
    raise AssertionError("the file needs no passphrase")


def read(data: bytes) -> ForeignKey:
    return read_foreign_key(data, never_asked)


def pem(format_: PrivateFormat = PKCS8, encryption: KeySerializationEncryption = PLAIN) -> bytes:
    return KEY.private_bytes(Encoding.PEM, format_, encryption)


def pkcs12(encryption: KeySerializationEncryption) -> bytes:
    return serialize_key_and_certificates(
        b"old", KEY, certificate(0, by=1), [certificate(1)], encryption
    )


def jwk(**changes: object) -> dict[str, Any]:
    members: dict[str, Any] = RSAKey.import_key(KEY).as_dict(private=True)
    return {name: value for name, value in (members | changes).items() if value is not None}


def is_ours(found: ForeignKey) -> bool:
    private = found.private
    return (
        private is not None
        and private.private_numbers() == KEY.private_numbers()
        and found.public.public_numbers() == KEY.public_key().public_numbers()
    )


def public_jwk(**changes: object) -> dict[str, Any]:
    return RSAKey.import_key(KEY).as_dict(private=False) | changes


def der(format_: PrivateFormat = PKCS8, encryption: KeySerializationEncryption = PLAIN) -> bytes:
    return KEY.private_bytes(Encoding.DER, format_, encryption)


def public_der(format_: PublicFormat) -> bytes:
    return KEY.public_key().public_bytes(Encoding.DER, format_)


BOM = b"\xef\xbb\xbf"
NO_PRIMES = dict.fromkeys(("p", "q", "dp", "dq", "qi"))


@pytest.mark.parametrize(
    "data",
    [
        pem(),
        pem(PKCS1),
        b"a comment\n" + as_pem(certificate(0)) + pem(),
        pkcs12(PLAIN),
        json.dumps(jwk()).encode(),
        json.dumps(jwk(**NO_PRIMES)).encode(),
        json.dumps({"keys": [jwk(kid="old", use="sig", alg="RS512")]}).encode(),
        json.dumps(jwk(key_ops=["sign", "verify"])).encode(),
        BOM + json.dumps(jwk()).encode(),
        BOM + pem(),
        pem().replace(b"\n", b"\r\n"),
        b"Bag Attributes\r\n    localKeyID: 01\r\n" + pem().replace(b"\n", b"\r\n"),
        der(),
        der(PKCS1),
    ],
)
def test_a_private_key_is_read_without_asking_for_a_passphrase(data: bytes) -> None:
    assert is_ours(read(data))


@pytest.mark.parametrize(
    "data",
    [
        pem(encryption=ENCRYPTED),
        pem(PKCS1, ENCRYPTED),
        pkcs12(ENCRYPTED),
        der(encryption=ENCRYPTED),
        pkcs8.encrypted(KEY, PASSPHRASE),
    ],
)
def test_an_encrypted_key_is_opened_with_its_passphrase_and_no_other(data: bytes) -> None:
    assert is_ours(read_foreign_key(data, lambda: PASSPHRASE))
    with pytest.raises(Problem, match="cannot be opened with this passphrase"):
        read_foreign_key(data, lambda: b"another")


@pytest.mark.parametrize(
    "data",
    [
        as_pem(certificate(0)),
        KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.PKCS1),
        json.dumps(public_jwk()).encode(),
        json.dumps(public_jwk(key_ops=["verify"])).encode(),
        public_der(PublicFormat.SubjectPublicKeyInfo),
        public_der(PublicFormat.PKCS1),
        as_der(certificate(0)),
    ],
)
def test_a_public_key_is_read_alone(data: bytes) -> None:
    found = read(data)
    assert found.private is None
    assert found.public.public_numbers() == KEY.public_key().public_numbers()


def test_certificates_come_along() -> None:
    own, issuer = certificate(0, by=1), certificate(1)
    assert read(as_pem(own, issuer) + pem()).certificates == (own, issuer)
    assert len(read(pkcs12(PLAIN)).certificates) == 2
    x5c = [base64.b64encode(as_der(own)).decode()]
    assert read(json.dumps(jwk(x5c=x5c)).encode()).certificates == (own,)


def test_a_certificate_is_read_from_a_file_of_its_own() -> None:
    own = certificate(0)
    assert read_certificates(as_pem(own)) == read_certificates(as_der(own)) == (own,)
    for data in (b"", b"nothing", as_pem(own)[:300]):
        with pytest.raises(Problem, match="cannot be read"):
            read_certificates(data)


def test_a_jwk_has_a_name() -> None:
    assert read(json.dumps(jwk(kid="old")).encode()).kid == "old"
    assert read(json.dumps(jwk(kid=None)).encode()).kid is None


def small_key() -> RSAPrivateKey:
    return make_rsa_key(public_exponent=65537, key_size=1024)  # noqa: S505 - to be refused


def unprotected(key: Any) -> bytes:  # noqa: ANN401 - any private key
    data: bytes = key.private_bytes(Encoding.PEM, PKCS8, PLAIN)
    return data


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (unprotected(small_key()), "the key has 1024 bits"),
        (serialize_key_and_certificates(b"", small_key(), None, None, PLAIN), "1024 bits"),
        (unprotected(make_ec_key(SECP256R1())), "no RSA key"),
        (json.dumps({"kty": "EC", "crv": "P-256"}).encode(), "no RSA key"),
        (pem() + unprotected(small_key()), "several private keys"),
        (b"", "the file is empty"),
        (b"not a key\n", "no key that can be read"),
        (bytes(range(256)), "no key that can be read"),
        (b"\x30\x82\xff\xff" + bytes(100), "no key that can be read"),
        (b"\x30\x03\x02\x01\x03", "cannot be opened with this passphrase"),
        (
            b"-----%s PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n" % b"BEGIN",
            "cannot be read",
        ),
        (b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "no key that can be"),
        (b"-----BEGIN NONSENSE-----\nAAAA\n-----END NONSENSE-----\n", "no key that can be read"),
        (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "certificate cannot"),
        (b"{", "no JWK"),
        (b"{}", "no JWK"),
        (b'{"keys": []}', "JWK Set holds 0 keys"),
        (b'{"keys": 5}', "no JWK"),
        (b'{"kty": "RSA", "n": 5, "e": 3}', "no JWK"),
        (b"{" * 100_000, "no JWK"),
        (json.dumps({"keys": [jwk(), jwk()]}).encode(), "JWK Set holds 2 keys"),
        (json.dumps(jwk(d="AQAB")).encode(), "no JWK"),
        (json.dumps(jwk(x5c=["?"])).encode(), "no JWK"),
        (json.dumps(jwk(alg="RS256")).encode(), "for another use"),
        (json.dumps(jwk(use="enc")).encode(), 'another use, according to its "use"'),
        (json.dumps(jwk(key_ops=["verify"])).encode(), 'according to its "key_ops"'),
        (json.dumps(jwk(key_ops=[])).encode(), 'according to its "key_ops"'),
        (json.dumps(jwk(key_ops="sign")).encode(), 'according to its "key_ops"'),
        (json.dumps(public_jwk(key_ops=["encrypt"])).encode(), 'according to its "key_ops"'),
    ],
)
def test_what_cannot_sign_our_tokens_is_refused(data: bytes, fault: str) -> None:
    with pytest.raises(Problem, match=fault) as caught:
        read_foreign_key(data, lambda: b"")
    assert caught.value.hint


def test_a_certificate_whose_key_cannot_be_read_holds_no_key() -> None:
    with pytest.raises(Problem, match="no key that can be read"):
        read(as_pem(of_an_unknown_kind(certificate(0))))


@pytest.mark.skipif(OPENSSL is None, reason="no openssl on this machine")
def test_what_openssl_writes_is_read(tmp_path: Path) -> None:
    key = tmp_path / "key.pem"
    key.write_bytes(pem())
    for words in (
        ["rsa", "-in", key, "-traditional", "-aes128", "-passout", "pass:s3cret"],
        ["pkcs8", "-topk8", "-in", key, "-scrypt", "-passout", "pass:s3cret"],
    ):
        done = subprocess.run([str(OPENSSL), *map(str, words)], capture_output=True, check=True)
        assert is_ours(read_foreign_key(done.stdout, lambda: b"s3cret"))


@pytest.mark.skipif(OPENSSL is None, reason="no openssl on this machine")
@pytest.mark.parametrize("form", ["PEM", "DER"])
def test_a_key_for_rsassa_pss_alone_is_refused_by_its_name(tmp_path: Path, form: str) -> None:
    """RFC 4055 §1.2: such a key signs by no other scheme, and OpenSSL reads it as any other."""

    def openssl(*words: object) -> bytes:
        command = [str(OPENSSL), *map(str, words)]
        return subprocess.run(command, capture_output=True, check=True).stdout

    key, ours = tmp_path / "pss.pem", "-pkeyopt"
    openssl("genpkey", "-algorithm", "RSA-PSS", ours, "rsa_keygen_bits:2048", "-out", key)
    files = [
        openssl("pkey", "-in", key, "-outform", form),
        openssl("pkey", "-in", key, "-pubout", "-outform", form),
        openssl("req", "-x509", "-new", "-key", key, "-subj", "/CN=x", "-outform", form),
    ]
    encrypted = ("pkcs8", "-topk8", "-in", key, "-passout", "pass:s3cret", "-outform", form)
    for data in (*files, openssl(*encrypted)):
        with pytest.raises(Problem, match="for RSASSA-PSS alone") as caught:
            read_foreign_key(data, lambda: b"s3cret")
        assert "RSASSA-PKCS1-v1_5" in str(caught.value.hint)
