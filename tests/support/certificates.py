"""Certificates of test keys: self-signed, or signed by another one."""

from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from support.keys import NOW, private_key


def certificate(
    number: int, *, by: int | None = None, until: datetime = NOW + timedelta(days=3650)
) -> x509.Certificate:
    """Of the key of this number, by itself or by another one."""
    issuer = number if by is None else by
    return (
        x509.CertificateBuilder()
        .subject_name(_name(number))
        .issuer_name(_name(issuer))
        .public_key(private_key(number).public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(until - timedelta(days=7300))
        .not_valid_after(until)
        .sign(private_key(issuer), SHA256())
    )


def as_pem(*certificates: x509.Certificate) -> bytes:
    return b"".join(one.public_bytes(Encoding.PEM) for one in certificates)


def as_der(one: x509.Certificate) -> bytes:
    return one.public_bytes(Encoding.DER)


def of_an_unknown_kind(one: x509.Certificate) -> x509.Certificate:
    """The same, but that its key is of an algorithm that nobody has heard of."""
    rsa, unknown = bytes.fromhex("2a864886f70d010101"), bytes.fromhex("2a864886f70d010163")
    return x509.load_der_x509_certificate(as_der(one).replace(rsa, unknown))


def _name(number: int) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"key {number}")])
