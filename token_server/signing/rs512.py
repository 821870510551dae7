"""RS512: RSASSA-PKCS1-v1_5 with SHA-512 (RFC 7518 §3.3, RFC 8017 §8.2), of one message or many."""

from collections.abc import Sequence
from functools import partial
from hashlib import sha512

import structlog
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA512

from token_server.signing.cheapest import Cost, Plan, costs_of
from token_server.signing.lanes import BLOCK, ComputationFailed, Lanes, lanes_of

_PADDING, _HASH = PKCS1v15(), SHA512()

# RFC 8017 §9.2, EMSA-PKCS1-v1_5; the DigestInfo is that of its first note.
_DIGEST_INFO = bytes.fromhex("3051300d060960864801650304020305000440")
_AFTER_PADDING = b"\x00" + _DIGEST_INFO
BEFORE_DIGEST = b"\x00\x01".ljust(BLOCK - 64 - len(_AFTER_PADDING), b"\xff") + _AFTER_PADDING

_HINT = "none of them was used, this key signs one by one now; is the processor sound?"

_ONE_BY_ONE = Plan([Cost(most=1, of_one=1, of_most=1)])
_plans: dict[tuple[type[Lanes], ...], Plan] = {}
"""Of this process, by the lanes there are: what they cost depends on the processor, and no key."""

log = structlog.get_logger(__name__)


class Rs512Key:
    """Signatures are deterministic: same message, same key, same bytes, however many at once."""

    def __init__(
        self, private: RSAPrivateKey, lanes: Sequence[Lanes] = (), plan: Plan = _ONE_BY_ONE
    ) -> None:
        """`lanes`: of the same key; they save time, and nothing else depends on them.

        `plan`: of signing one by one, and then of each of the lanes.
        """
        self._private = private
        self._public = private.public_key()
        self._lanes = lanes
        self._plan = plan

    @classmethod
    def of(cls, private: RSAPrivateKey) -> "Rs512Key":
        """The first of a process that has lanes takes some ten milliseconds, to measure them."""
        lanes = lanes_of(private.private_numbers(), BEFORE_DIGEST)
        kinds = tuple(type(each) for each in lanes)
        if lanes and kinds not in _plans:
            try:
                _plans[kinds] = cls(private, lanes).measured()
            except (ComputationFailed, InvalidSignature) as fault:
                _tell(fault)
        return cls(private, lanes, _plans.get(kinds, _ONE_BY_ONE))

    @property
    def cheapest_together(self) -> int:
        """How many messages at once cost least each."""
        return self._plan.cheapest_together

    def measured(self) -> Plan:
        """The plan that costs least here. Raises: ComputationFailed, InvalidSignature."""
        together = [(partial(self._together, each), each.MOST) for each in self._lanes]
        return Plan(costs_of([(self._one_by_one, 1), *together]))

    def signatures(self, messages: Sequence[bytes]) -> list[bytes]:
        """One of each, in their order."""
        done: list[bytes] = []
        while rest := messages[len(done) :]:
            way, count = self._plan.begin(len(rest))
            done += self._signed(way, rest[:count])
        return done

    def _signed(self, way: int, messages: Sequence[bytes]) -> list[bytes]:
        if way:
            try:
                return self._together(self._lanes[way - 1], messages)
            except (ComputationFailed, InvalidSignature) as fault:
                self._plan = _ONE_BY_ONE
                _tell(fault)
        return self._one_by_one(messages)

    def _one_by_one(self, messages: Sequence[bytes]) -> list[bytes]:
        return [self._private.sign(each, _PADDING, _HASH) for each in messages]

    def _together(self, lanes: Lanes, messages: Sequence[bytes]) -> list[bytes]:
        """Raises: ComputationFailed, InvalidSignature."""
        signatures = lanes.operate([sha512(each).digest() for each in messages])
        for signature, message in zip(signatures, messages, strict=True):
            # One that a fault of the processor has spoiled gives the key away to who sees it.
            verify(signature, message, self._public)
        return signatures


def _tell(fault: Exception) -> None:
    log.error("several signatures at once went wrong", fault=repr(fault), hint=_HINT)


def verify(signature: bytes, message: bytes, key: RSAPublicKey) -> None:
    """Raises: InvalidSignature, ValueError."""
    key.verify(signature, message, _PADDING, _HASH)
