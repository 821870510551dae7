"""Several private-key operations at once: blinded, bounded, and none that is wrong leaves."""

import ctypes
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha512
from itertools import pairwise
from random import Random
from typing import TypeAlias

import pytest
from structlog.testing import capture_logs
from support.keys import private_key
from support.lanes import LIBRARY

from token_server.signing.blinded_lanes import Eight, Four
from token_server.signing.blinding import MAX_USES, Blinding
from token_server.signing.cheapest import Cost, Plan
from token_server.signing.crypto_mb import LANES, Functions
from token_server.signing.lanes import BLOCK
from token_server.signing.rs512 import BEFORE_DIGEST, Rs512Key, verify

Blocks: TypeAlias = "ctypes.Array[ctypes.c_char_p]"
Kind = type[Eight] | type[Four]
ALWAYS_TOGETHER = Plan(
    [Cost(most=1, of_one=9, of_most=9), Cost(most=2, of_one=1, of_most=1)],
)
KINDS = pytest.mark.parametrize("kind", [Eight, Four])

KEY = private_key(0)
NUMBERS = KEY.private_numbers()
MODULUS = NUMBERS.public_numbers.n
MESSAGES = [f"message {number}".encode() for number in range(LANES)]
DIGESTS = [sha512(each).digest() for each in MESSAGES]
BLOCKS = [BEFORE_DIGEST + each for each in DIGESTS]


def functions_that(
    before: Callable[[Sequence[Sequence[int]], bytes], object] = lambda *_: None,
    after: Callable[[Sequence[int]], object] = lambda _: None,
) -> Functions:
    """Those of the library, with a look at the numbers of the key and the blocks, and the results.

    `before` gets the places of the key's numbers and all blocks, `after` those of the results.
    """

    def around(compute: Callable[..., int], size: int) -> Callable[..., int]:
        def computed(
            from_: "ctypes.Array[ctypes.c_char_p]", to: Sequence[int], *rest: object
        ) -> int:
            *key, _bits, _method, _buffer = rest
            places = ctypes.cast(from_, ctypes.POINTER(ctypes.c_void_p))
            blocks = b"".join(ctypes.string_at(places[lane], size) for lane in range(LANES))
            before(key, blocks)  # type: ignore[arg-type]
            status = compute(from_, to, *rest)
            after(to)
            return status

        return computed

    library = LIBRARY.functions
    return Functions(
        around(library.mbx_rsa_private_crt_mb8, BLOCK),
        around(library.mbx_rsa_private_mb8, BLOCK // 2),
    )


@KINDS
def test_the_library_is_never_given_an_unblinded_block(kind: Kind) -> None:
    given: list[bytes] = []
    lanes = kind(
        functions_that(before=lambda _, blocks: given.append(blocks)), NUMBERS, BEFORE_DIGEST
    )
    batches = 3 * MAX_USES
    for _ in range(batches):
        for signature, message in zip(lanes.operate(DIGESTS[: kind.MOST]), MESSAGES, strict=False):
            verify(signature, message, KEY.public_key())
    size = BLOCK * kind.MOST // LANES
    seen = {blocks[at : at + size] for blocks in given for at in range(0, LANES * size, size)}
    unblinded = {
        number.to_bytes(size)
        for block in map(int.from_bytes, BLOCKS)
        for number in ([block] if kind is Eight else [block % NUMBERS.p, block % NUMBERS.q])
    }
    assert not seen & unblinded
    # Nor is any number given twice: every batch has factors of its own.
    assert len(seen) == batches * LANES
    # The library asks for numbers below the modulus; that of half a block is one of the primes.
    limit = MODULUS if kind is Eight else max(NUMBERS.p, NUMBERS.q)
    assert max(map(int.from_bytes, seen)) < limit


def test_factors_are_squared_and_after_some_batches_made_from_new_random_bits() -> None:
    blinding = Blinding(NUMBERS.public_numbers, BEFORE_DIGEST)
    factors = []
    for _ in range(3 * MAX_USES):
        blinding.next_batch()
        blinded = blinding.blind(DIGESTS[0])
        factors.append(int(blinded) * pow(int.from_bytes(BLOCKS[0]), -1, MODULUS) % MODULUS)
    squared = [later == earlier * earlier % MODULUS for earlier, later in pairwise(factors)]
    assert [at for at, is_squared in enumerate(squared, start=1) if not is_squared] == [
        MAX_USES,
        2 * MAX_USES,
    ]


@KINDS
@pytest.mark.parametrize("length", [0, 1, len(DIGESTS[0]) - 1, len(DIGESTS[0]) + 1, BLOCK])
def test_an_ending_of_another_length_is_refused(kind: Kind, length: int) -> None:
    lanes = kind(LIBRARY.functions, NUMBERS, BEFORE_DIGEST)
    for endings in [bytes(length)], [DIGESTS[0], bytes(length)]:
        with pytest.raises(ValueError, match="every ending must have 64 bytes"):
            lanes.operate(endings)


@KINDS
def test_as_many_endings_as_there_are_places_are_taken_and_no_more(kind: Kind) -> None:
    lanes = kind(LIBRARY.functions, NUMBERS, BEFORE_DIGEST)
    assert len(lanes.operate(DIGESTS[: kind.MOST])) == kind.MOST
    for endings in [], [DIGESTS[0]] * (kind.MOST + 1):
        with pytest.raises(ValueError, match="endings"):
            lanes.operate(endings)


@KINDS
def test_two_threads_at_once_are_refused(kind: Kind) -> None:
    has_begun, may_end = threading.Event(), threading.Event()

    def wait(_: object, __: object) -> None:
        has_begun.set()
        may_end.wait()

    lanes = kind(functions_that(before=wait), NUMBERS, BEFORE_DIGEST)
    with ThreadPoolExecutor(1) as other:
        first = other.submit(lanes.operate, DIGESTS[:2])
        has_begun.wait()
        with pytest.raises(RuntimeError, match="two threads"):
            lanes.operate(DIGESTS[:2])
        may_end.set()
        verify(first.result()[0], MESSAGES[0], KEY.public_key())
    # The next one has them for itself again.
    verify(lanes.operate(DIGESTS[:2])[1], MESSAGES[1], KEY.public_key())


@pytest.mark.parametrize("kind", [Eight, Four])
@pytest.mark.parametrize("place", ["result", "key"])
def test_no_bad_signature_leaves_whichever_bit_is_flipped(
    kind: Kind,
    place: str,
    chaos: bool,  # noqa: FBT001 - a fixture
) -> None:
    random = Random(20261201)
    size = BLOCK * kind.MOST // LANES

    def flip(places: Sequence[int], length: int) -> None:
        byte = ctypes.c_ubyte.from_address(random.choice(places[:2]) + random.randrange(length))
        byte.value ^= 1 << random.randrange(8)

    def flip_in_key(key: Sequence[Sequence[int]], _: bytes) -> None:
        flip(random.choice(key), BLOCK // 2)

    faults = {
        "result": functions_that(after=lambda to: flip(to, size)),
        "key": functions_that(before=flip_in_key),
    }
    noticed = 0
    rounds = 1000 if chaos else 40
    with capture_logs() as logs:
        for _ in range(rounds):
            lanes = kind(faults[place], NUMBERS, BEFORE_DIGEST)
            key = Rs512Key(KEY, [lanes], ALWAYS_TOGETHER)
            for signature, message in zip(key.signatures(MESSAGES[:2]), MESSAGES, strict=False):
                verify(signature, message, KEY.public_key())
            noticed += key.cheapest_together == 1
    # A flipped bit of a number of the key may go unused; none of a result does.
    assert noticed == len(logs)
    assert noticed == rounds if place == "result" else noticed > rounds / 2
