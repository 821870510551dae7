"""RS512: RSASSA-PKCS1-v1_5 with SHA-512 (RFC 7518 §3.3, RFC 8017 §8.2), of one message or many."""

from collections.abc import Callable, Sequence
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

_Way = Callable[[Sequence[bytes]], list[bytes]]
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
        self._ways: Sequence[_Way] = (
            self._alone,
            *(partial(self._together, each) for each in lanes),
        )
        self._plan = plan

    @classmethod
    def of(cls, private: RSAPrivateKey) -> "Rs512Key":
        """The first of a process takes some ten milliseconds: what costs least is measured."""
        lanes = lanes_of(private.private_numbers(), BEFORE_DIGEST)
        kinds = tuple(type(each) for each in lanes)
        key = cls(private, lanes)
        try:
            key._plan = _plans.get(kinds) or _plans.setdefault(kinds, key._measured(lanes))
        except (ComputationFailed, InvalidSignature) as fault:
            key._use_no_lanes(fault)
        return key

    @property
    def cheapest_together(self) -> int:
        """How many messages at once cost least each."""
        return self._plan.cheapest_together

    def signatures(self, messages: Sequence[bytes]) -> list[bytes]:
        """One of each, in their order."""
        done: list[bytes] = []
        while rest := messages[len(done) :]:
            way, count = self._plan.begin(len(rest))
            try:
                done += self._ways[way](rest[:count])
            except (ComputationFailed, InvalidSignature) as fault:
                self._use_no_lanes(fault)
        return done

    def _measured(self, lanes: Sequence[Lanes]) -> Plan:
        """Raises: ComputationFailed, InvalidSignature."""
        most = (1, *(each.MOST for each in lanes))
        return Plan(costs_of(list(zip(self._ways, most, strict=True))))

    def _alone(self, messages: Sequence[bytes]) -> list[bytes]:
        return [self._private.sign(each, _PADDING, _HASH) for each in messages]

    def _together(self, lanes: Lanes, messages: Sequence[bytes]) -> list[bytes]:
        """Raises: ComputationFailed, InvalidSignature."""
        signatures = lanes.operate([sha512(each).digest() for each in messages])
        for signature, message in zip(signatures, messages, strict=True):
            # One that a fault of the processor has spoiled gives the key away to who sees it.
            verify(signature, message, self._public)
        return signatures

    def _use_no_lanes(self, fault: Exception) -> None:
        self._plan = _ONE_BY_ONE
        log.error("several signatures at once went wrong", fault=repr(fault), hint=_HINT)


def verify(signature: bytes, message: bytes, key: RSAPublicKey) -> None:
    """Raises: InvalidSignature, ValueError."""
    key.verify(signature, message, _PADDING, _HASH)
