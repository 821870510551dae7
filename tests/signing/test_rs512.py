"""Many signatures at once: the bytes of cryptography, one by one; and none that is wrong."""

from math import lcm
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import (
    RSAPrivateKey,
    RSAPrivateNumbers,
    RSAPublicNumbers,
)
from cryptography.hazmat.primitives.hashes import SHA512
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs
from support.keys import private_key

from token_server.signing import crypto_mb, rsa_keys
from token_server.signing.crypto_mb import LANES, ComputationFailed, EightLanes, eight_lanes
from token_server.signing.rs512 import FEWEST_TOGETHER, Rs512Key

MESSAGES = [f"header.{number}".encode() for number in range(2 * LANES + FEWEST_TOGETHER)]


def one_by_one(messages: list[bytes], key: RSAPrivateKey) -> list[bytes]:
    return [key.sign(each, PKCS1v15(), SHA512()) for each in messages]


def of_primes(p: int, q: int) -> RSAPrivateKey:
    e = 65537
    d = pow(e, -1, lcm(p - 1, q - 1))
    return RSAPrivateNumbers(
        *(p, q, d, d % (p - 1), d % (q - 1), pow(q, -1, p)), RSAPublicNumbers(e, p * q)
    ).private_key()


@given(st.lists(st.binary(max_size=300), max_size=20))
def test_signatures_are_those_of_one_by_one_however_many_at_once(messages: list[bytes]) -> None:
    key = private_key(0)
    assert Rs512Key.of(key).signatures(messages) == one_by_one(messages, key)


def test_either_prime_may_be_the_larger() -> None:
    numbers = private_key(0).private_numbers()
    for key in of_primes(numbers.p, numbers.q), of_primes(numbers.q, numbers.p):
        with capture_logs() as logs:
            assert Rs512Key.of(key).signatures(MESSAGES) == one_by_one(MESSAGES, key)
        assert not logs


def test_keys_of_other_sizes_sign_one_by_one() -> None:
    larger, unequal = rsa_keys.make(3072), of_primes(prime_of(3072), prime_of(1024))
    assert unequal.key_size == larger.key_size - 1024 == private_key(0).key_size
    for key in larger, unequal:
        assert eight_lanes(key.private_numbers()) is None
        assert Rs512Key.of(key).signatures(MESSAGES) == one_by_one(MESSAGES, key)


def prime_of(key_size: int) -> int:
    return rsa_keys.make(key_size).private_numbers().p


@pytest.mark.parametrize(
    ("wheel", "file"),
    [("of-no-such-name", crypto_mb.FILE), (crypto_mb.WHEEL, "libcrypto_mb.so.1")],
)
def test_there_are_no_lanes_without_the_wheel_or_of_another_binary_interface(
    wheel: str, file: str
) -> None:
    assert crypto_mb.library(wheel, file) is None


def test_without_lanes_all_are_signed_one_by_one() -> None:
    key = Rs512Key(private_key(0), None)
    assert key.signatures(MESSAGES) == one_by_one(MESSAGES, private_key(0))


def lanes_of(number: int) -> EightLanes:
    if "avx512ifma" not in Path("/proc/cpuinfo").read_text("ascii"):
        pytest.skip("this processor has no AVX-512 IFMA")
    lanes = eight_lanes(private_key(number).private_numbers())
    assert lanes
    return lanes


def test_a_signature_that_came_out_wrong_is_not_used_and_eight_are_not_tried_again() -> None:
    key = Rs512Key(private_key(0), lanes_of(1))
    with capture_logs() as logs:
        assert key.signatures(MESSAGES) == one_by_one(MESSAGES, private_key(0))
    (told,) = logs
    assert (told["log_level"], told["fault"]) == ("error", "InvalidSignature()")


def test_what_the_library_refuses_is_told() -> None:
    nothing: bytes = None  # type: ignore[assignment]
    with pytest.raises(ComputationFailed, match="00000020"):
        lanes_of(0).operate([bytes(256), nothing])
