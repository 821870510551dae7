"""RS512: RSASSA-PKCS1-v1_5 with SHA-512 (RFC 7518 §3.3, RFC 8017 §8.2), of one message or many."""

from collections.abc import Sequence
from hashlib import sha512

import structlog
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA512

from token_server.signing.lanes import BLOCK, ComputationFailed, Lanes, lanes_of

_PADDING, _HASH = PKCS1v15(), SHA512()

# RFC 8017 §9.2, EMSA-PKCS1-v1_5; the DigestInfo is that of its first note.
_DIGEST_INFO = bytes.fromhex("3051300d060960864801650304020305000440")
_AFTER_PADDING = b"\x00" + _DIGEST_INFO
BEFORE_DIGEST = b"\x00\x01".ljust(BLOCK - 64 - len(_AFTER_PADDING), b"\xff") + _AFTER_PADDING

_HINT = "none of them was used, this key signs one by one now; is the processor sound?"

log = structlog.get_logger(__name__)


class Rs512Key:
    """Signatures are deterministic: same message, same key, same bytes, however many at once."""

    def __init__(self, private: RSAPrivateKey, lanes: Sequence[Lanes]) -> None:
        """`lanes`: of the same key; they save time, and nothing else depends on them."""
        self._private = private
        self._public = private.public_key()
        self._lanes = lanes

    @classmethod
    def of(cls, private: RSAPrivateKey) -> "Rs512Key":
        return cls(private, lanes_of(private.private_numbers(), BEFORE_DIGEST))

    @property
    def cheapest_together(self) -> int:
        """How many messages at once cost least each."""
        return max((each.MOST for each in self._lanes), default=1)

    def signatures(self, messages: Sequence[bytes]) -> list[bytes]:
        """One of each, in their order."""
        done: list[bytes] = []
        while rest := messages[len(done) :]:
            done += self._of_the_first(rest)
        return done

    def _of_the_first(self, messages: Sequence[bytes]) -> list[bytes]:
        """Of as many as cost least at once; at least one."""
        lanes = next((each for each in self._lanes if len(messages) >= each.FEWEST), None)
        if lanes:
            try:
                return self._together(lanes, messages[: lanes.MOST])
            except (ComputationFailed, InvalidSignature) as fault:
                self._lanes = ()
                log.error("several signatures at once went wrong", fault=repr(fault), hint=_HINT)  # noqa: TRY400 - where it was raised is known
        return [self._private.sign(messages[0], _PADDING, _HASH)]

    def _together(self, lanes: Lanes, messages: Sequence[bytes]) -> list[bytes]:
        """Raises: ComputationFailed, InvalidSignature."""
        signatures = lanes.operate([sha512(each).digest() for each in messages])
        for signature, message in zip(signatures, messages, strict=True):
            # One that a fault of the processor has spoiled gives the key away to who sees it.
            verify(signature, message, self._public)
        return signatures


def verify(signature: bytes, message: bytes, key: RSAPublicKey) -> None:
    """Raises: InvalidSignature, ValueError."""
    key.verify(signature, message, _PADDING, _HASH)
