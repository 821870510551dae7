"""A private key that we wrote is read without looking for its primes anew, and yet in full."""

import base64
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from support.keys import private_key

from token_server.problems import Problem
from token_server.signing import pem

NAMES = ("n", "e", "d", "p", "q", "dmp1", "dmq1", "iqmp")
RSA = bytes.fromhex("300d06092a864886f70d0101010500")


def numbers() -> dict[str, int]:
    key = private_key(0).private_numbers()
    public = {"n": key.public_numbers.n, "e": key.public_numbers.e}
    return public | {name: getattr(key, name) for name in NAMES if name not in public}


def written(numbers: dict[str, int]) -> bytes:
    """PKCS#8 by hand (RFC 5208 §5, RFC 8017 A.1.2): no library writes crooked keys."""
    key = der(0x30, integer(0) + b"".join(integer(numbers[name]) for name in NAMES))
    body = base64.encodebytes(der(0x30, integer(0) + RSA + der(0x04, key)))
    # Put together here, so that no file reads as if it held a key.
    return b"".join(
        b"-----%b PRIVATE KEY-----\n%b" % each for each in [(b"BEGIN", body), (b"END", b"")]
    )


def integer(number: int) -> bytes:
    return der(0x02, number.to_bytes(number.bit_length() // 8 + 1, "big"))


def der(tag: int, content: bytes) -> bytes:
    size = len(content)
    if size < 0x80:
        return bytes([tag, size]) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + content


def opened(path: Path, text: bytes) -> RSAPrivateKey:
    path.write_bytes(text)
    path.chmod(0o600)
    return pem.read_private_key(path, None)


def assert_cannot_be_opened(path: Path, text: bytes) -> None:
    with pytest.raises(Problem) as caught:
        opened(path, text)
    assert caught.value.text == (f"{path} is damaged: it holds no private key that can be read")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("bit", [0, 1, 200, 1000])
def test_a_private_key_with_one_bit_turned_in_any_number_cannot_be_opened(
    tmp_path: Path, name: str, bit: int
) -> None:
    genuine = numbers()
    text = written(genuine | {name: genuine[name] ^ 1 << bit})
    assert_cannot_be_opened(tmp_path / "key.pem", text)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("number", [0, 1, 2])
def test_a_private_key_with_a_small_number_for_a_large_one_cannot_be_opened(
    tmp_path: Path, name: str, number: int
) -> None:
    assert_cannot_be_opened(tmp_path / "key.pem", written(numbers() | {name: number}))


def test_a_modulus_whose_factors_are_itself_and_one_cannot_be_opened(tmp_path: Path) -> None:
    genuine = numbers()
    for crooked in ({"p": 1, "q": genuine["n"]}, {"p": genuine["n"], "q": 1}):
        assert_cannot_be_opened(tmp_path / "key.pem", written(genuine | crooked))


def test_a_whole_private_key_is_opened(tmp_path: Path) -> None:
    found = opened(tmp_path / "key.pem", written(numbers()))
    assert found.private_numbers() == private_key(0).private_numbers()


def test_a_private_key_is_never_written_over_another_file(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    path.write_text("precious")
    with pytest.raises(FileExistsError):
        pem.write_private_key(path, private_key(0), None)
    assert path.read_text() == "precious"
