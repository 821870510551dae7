"""What blinding costs where several signatures are computed at once, and whether time tells.

The Python parts run on every machine. crypto_mb's own part is measured where it can run.
"""

import random
import secrets
import statistics
import time
from collections.abc import Callable, Sequence
from hashlib import sha512

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA512

from bench.figures import Figure
from token_server.signing import crypto_mb
from token_server.signing.blinded_lanes import BlindedLanes, Eight, Four
from token_server.signing.crypto_mb import Functions
from token_server.signing.rs512 import BEFORE_DIGEST

ROUNDS = 9
BATCHES = 400
SAMPLES = 40_000
CROPPED = 0.95
"""Of the samples, the fastest: the slowest are interrupts."""


def measure(rounds: int = ROUNDS, batches: int = BATCHES, samples: int = SAMPLES) -> list[Figure]:
    key = generate_private_key(65537, 2048)
    numbers = key.private_numbers()
    without = Functions(_computes_nothing, _computes_nothing)
    alone = [_each_micros(lambda: _sign(key), batches) for _ in range(rounds)]
    figures = [Figure(name="one signature by OpenSSL", unit="us", runs=alone)]
    for kind in (Eight, Four):
        lanes = kind(without, numbers, BEFORE_DIGEST)
        figures += _costs(lanes, "all but the library's own part", rounds, batches, alone)
        figures.append(_timing(lanes, "all but the library's own part", samples))
    try:
        functions = crypto_mb.library().functions
    except crypto_mb.Unavailable:
        return figures
    for kind in (Eight, Four):
        lanes = kind(functions, numbers, BEFORE_DIGEST)
        figures += _costs(lanes, "with crypto_mb", rounds, batches, alone)
        figures.append(_timing(lanes, "with crypto_mb", samples))
    return figures


def _computes_nothing(*_: object) -> int:
    return 0


def _sign(key: RSAPrivateKey) -> None:
    key.sign(b"message", PKCS1v15(), SHA512())


def _costs(
    lanes: BlindedLanes, what: str, rounds: int, batches: int, alone: Sequence[float]
) -> list[Figure]:
    endings = [sha512(bytes([number])).digest() for number in range(lanes.MOST)]
    name = f"{type(lanes).__name__.lower()} signatures at once, {what}"
    runs = [
        _each_micros(lambda: lanes.operate(endings), batches) / lanes.MOST for _ in range(rounds)
    ]
    ratio = statistics.median(runs) / statistics.median(alone)
    return [
        Figure(name=f"{name}: CPU of each", unit="us", runs=runs),
        Figure(name="... beside one by OpenSSL", unit="times", runs=[ratio]),
    ]


def _each_micros(some: Callable[[], object], count: int) -> float:
    began = time.process_time()
    for _ in range(count):
        some()
    return (time.process_time() - began) / count * 1e6


def _timing(lanes: BlindedLanes, what: str, samples: int) -> Figure:
    """Welch's t between one fixed digest and random ones; dudect calls 4.5 a leak."""
    fixed = sha512(b"fixed").digest()
    classes = [True, False] * (samples // 2)
    random.SystemRandom().shuffle(classes)
    inputs = [
        [fixed if is_fixed else secrets.token_bytes(64)] * lanes.MOST for is_fixed in classes
    ]
    taken: dict[bool, list[int]] = {True: [], False: []}
    for is_fixed, endings in zip(classes, inputs, strict=True):
        began = time.perf_counter_ns()
        lanes.operate(endings)
        taken[is_fixed].append(time.perf_counter_ns() - began)
    limit = sorted(taken[True] + taken[False])[int(samples * CROPPED)]
    first, second = ([each for each in of if each < limit] for of in taken.values())
    spread = statistics.variance(first) / len(first) + statistics.variance(second) / len(second)
    t = abs(statistics.fmean(first) - statistics.fmean(second)) / spread**0.5
    name = f"{type(lanes).__name__.lower()} signatures at once, {what}: |t|, fixed against random"
    return Figure(name=name, unit="", runs=[t])
