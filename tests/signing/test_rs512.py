"""Many signatures at once: the bytes of cryptography, one by one; and none that is wrong."""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from importlib.metadata import distribution
from math import lcm
from typing import TypeVar

import gmpy2
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
from support.keys import GRACE, NOW, fresh_keyset, private_key, private_keys, public_key
from support.lanes import LIBRARY, PLAN, needs_lanes

from token_server.signing import crypto_mb, rs512, rsa_keys
from token_server.signing.blinded_lanes import Eight, Four
from token_server.signing.cheapest import RUNS, Cost, Plan
from token_server.signing.crypto_mb import LANES
from token_server.signing.lanes import ComputationFailed, Lanes, lanes_of
from token_server.signing.rs512 import BEFORE_DIGEST, Rs512Key
from token_server.signing.signer import KeysetSigner
from token_server.tokens.model import Unsigned

L = TypeVar("L", bound=Lanes)
Kind = type[Eight] | type[Four]

MESSAGES = [f"header.{number}".encode() for number in range(2 * LANES + 3)]


def lanes(*kinds: Kind) -> list[Lanes]:
    functions, numbers = LIBRARY.functions, private_key(0).private_numbers()
    return [each(functions, numbers, BEFORE_DIGEST) for each in kinds]


def key_with(*kinds: Kind) -> Rs512Key:
    return Rs512Key(private_key(0), lanes(*kinds), PLAN)


def one_by_one(messages: list[bytes], key: RSAPrivateKey) -> list[bytes]:
    return [key.sign(each, PKCS1v15(), SHA512()) for each in messages]


ONE_BY_ONE = one_by_one(MESSAGES, private_key(0))


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
    small, half, large = (prime_of(key_size) for key_size in (1024, 2048, 3072))
    unequal = (large, small), (half, large), (half, small)
    for key in (rsa_keys.make(3072), *(of_primes(*primes) for primes in unequal)):
        assert not lanes_of(key.private_numbers(), b"")
        assert Rs512Key.of(key).signatures(MESSAGES) == one_by_one(MESSAGES, key)


def prime_of(key_size: int) -> int:
    return rsa_keys.make(key_size).private_numbers().p


def test_without_the_wheel_the_library_is_not_available() -> None:
    assert crypto_mb.find("of-no-such-name") == "of-no-such-name is not installed"


def test_without_the_library_a_key_has_no_lanes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crypto_mb, "find", lambda _: "of no processor")
    assert not lanes_of(private_key(0).private_numbers(), BEFORE_DIGEST)


@needs_lanes
def test_a_library_of_another_binary_interface_is_none() -> None:
    with pytest.raises(FileNotFoundError, match=r"has no libcrypto_mb\.so\.1"):
        crypto_mb.path_of("libcrypto_mb.so.1", distribution(crypto_mb.WHEEL))


@needs_lanes
def test_a_python_without_files_in_memory_has_no_lanes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("os.memfd_create")
    assert "memfd_create" in str(crypto_mb.find.__wrapped__(crypto_mb.WHEEL))


def test_without_lanes_all_are_signed_one_by_one() -> None:
    key = Rs512Key(private_key(0))
    assert key.signatures(MESSAGES) == ONE_BY_ONE
    assert key.cheapest_together == 1


@pytest.fixture
def operated_on(monkeypatch: pytest.MonkeyPatch, one_plan: None) -> list[int]:  # noqa: ARG001
    """How many blocks each operation of the library was for."""
    counts: list[int] = []
    for kind in (Eight, Four):
        monkeypatch.setattr(kind, "operate", counting(counts, kind.operate))
    return counts


def counting(
    counts: list[int], operate: Callable[[L, Sequence[bytes]], list[bytes]]
) -> Callable[[L, Sequence[bytes]], list[bytes]]:
    def counted(lanes: L, endings: Sequence[bytes]) -> list[bytes]:
        counts.append(len(endings))
        return operate(lanes, endings)

    return counted


@pytest.mark.usefixtures("has_lanes")
@pytest.mark.parametrize(
    ("count", "at_once"),
    {
        1: [],
        2: [2],
        3: [3],
        4: [4],
        5: [4],
        6: [6],
        8: [8],
        9: [8],
        10: [8, 2],
        19: [8, 8, 3],
    }.items(),
)
def test_as_many_are_computed_at_once_as_costs_least(
    count: int, at_once: list[int], operated_on: list[int]
) -> None:
    assert key_with(Eight, Four).signatures(MESSAGES[:count]) == ONE_BY_ONE[:count]
    assert operated_on == at_once


@pytest.mark.usefixtures("has_lanes")
def test_what_costs_least_is_measured_once_in_a_process(
    operated_on: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rs512, "_plans", {})
    Rs512Key.of(private_key(0))
    assert Counter(operated_on) == {LANES: RUNS, LANES // 2: RUNS, 1: 2 * RUNS}
    operated_on.clear()
    Rs512Key.of(private_key(1))
    assert not operated_on


@pytest.mark.usefixtures("has_lanes")
def test_as_many_are_waited_for_as_cost_least_each() -> None:
    alone, eight, four = (
        Cost(most=most, of_one=10, of_most=cost) for most, cost in ((1, 10), (8, 48), (4, 20))
    )
    of_both = partial(Rs512Key, private_key(0), lanes(Eight, Four))
    assert of_both(Plan([alone, eight, four])).cheapest_together == 4
    assert of_both(PLAN).cheapest_together == LANES


@pytest.mark.usefixtures("has_lanes")
def test_pairs_that_are_asked_for_in_one_turn_are_computed_at_once(operated_on: list[int]) -> None:
    signer = KeysetSigner(fresh_keyset(), private_keys(0, 1), grace_period=GRACE)
    kid = public_key(0).kid

    async def four_pairs() -> None:
        pair = Unsigned({"a": 1}), Unsigned({"b": 2})
        await asyncio.gather(*(signer.sign(*pair, kid=kid, now=NOW) for _ in range(4)))

    asyncio.run(four_pairs())
    assert operated_on == [8]


class WithAFlippedBit(Eight):
    """What a fault of the processor in one lane does."""

    def operate(self, endings: Sequence[bytes]) -> list[bytes]:
        *others, last = super().operate(endings)
        return [*others, bytes([*last[:-1], last[-1] ^ 1])]


class WithAWrongHalf(Four):
    """The fault that would give the key away: right modulo one prime, wrong modulo the other."""

    def _joined(self, of_p: gmpy2.mpz, of_q: gmpy2.mpz) -> gmpy2.mpz:
        return super()._joined(of_p, of_q ^ 1)


class Failing(Eight):
    def operate(self, endings: Sequence[bytes]) -> list[bytes]:
        self._key[0].addresses[1] = None
        return super().operate(endings)


class FailingInHalves(Four):
    def operate(self, endings: Sequence[bytes]) -> list[bytes]:
        self._primes.addresses[1] = None
        return super().operate(endings)


@pytest.mark.usefixtures("has_lanes")
@pytest.mark.parametrize(
    ("kind", "fault", "computed"),
    [
        (WithAFlippedBit, "InvalidSignature", [4, 8]),
        (WithAWrongHalf, "InvalidSignature", [4]),
        (Failing, "ComputationFailed('status 00000020')", [4, 8]),
        (FailingInHalves, "ComputationFailed('status 00000020')", [4]),
    ],
)
def test_none_is_used_where_one_is_wrong_and_lanes_are_not_tried_again(
    kind: Kind, fault: str, computed: list[int], operated_on: list[int]
) -> None:
    key = key_with(*(kind if issubclass(kind, each) else each for each in (Eight, Four)))
    with capture_logs() as logs:
        for messages in (MESSAGES[:4], MESSAGES):
            assert key.signatures(messages) == one_by_one(messages, private_key(0))
    (told,) = logs
    assert told["log_level"] == "error"
    assert told["fault"].startswith(fault)
    assert operated_on == computed
    assert key.cheapest_together == 1


class WithAFaultAtFirst(Eight):
    operations = 0

    def operate(self, endings: Sequence[bytes]) -> list[bytes]:
        WithAFaultAtFirst.operations += 1
        if WithAFaultAtFirst.operations == 1:
            raise ComputationFailed("at first")
        return super().operate(endings)


@pytest.mark.usefixtures("has_lanes")
def test_a_key_whose_lanes_go_wrong_while_they_are_measured_has_none(
    operated_on: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rs512, "lanes_of", lambda *_: lanes(WithAFaultAtFirst, Four))
    with capture_logs() as logs:
        key = Rs512Key.of(private_key(0))
        assert key.signatures(MESSAGES) == ONE_BY_ONE
    assert not operated_on
    assert key.cheapest_together == 1
    assert [told["event"] for told in logs] == ["several signatures at once went wrong"]
    # Nothing was learned of the processor: the next key may do better.
    Rs512Key.of(private_key(0))
    assert operated_on
