"""RS512: RSASSA-PKCS1-v1_5 with SHA-512 (RFC 7518 §3.3, RFC 8017 §8.2), of one message or many."""

from collections.abc import Sequence
from hashlib import sha512

import structlog
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA512

from token_server.signing.crypto_mb import BLOCK, LANES, ComputationFailed, EightLanes, eight_lanes

FEWEST_TOGETHER = 5
"""Eight at once take as long as four one after the other, however many of them are wanted."""

_PADDING, _HASH = PKCS1v15(), SHA512()

# RFC 8017 §9.2, EMSA-PKCS1-v1_5; the DigestInfo is that of its first note.
_DIGEST_INFO = bytes.fromhex("3051300d060960864801650304020305000440")
_AFTER_PADDING = b"\x00" + _DIGEST_INFO
_BEFORE_DIGEST = b"\x00\x01".ljust(BLOCK - 64 - len(_AFTER_PADDING), b"\xff") + _AFTER_PADDING

_HINT = "none of them was used, this key signs one by one now; is the processor sound?"

log = structlog.get_logger(__name__)


class Rs512Key:
    """Signatures are deterministic: same message, same key, same bytes, however many at once."""

    def __init__(self, private: RSAPrivateKey, lanes: EightLanes | None) -> None:
        """`lanes`: of the same key; they save time, and nothing else depends on them."""
        self._private = private
        self._public = private.public_key()
        self._lanes = lanes

    @classmethod
    def of(cls, private: RSAPrivateKey) -> "Rs512Key":
        return cls(private, eight_lanes(private.private_numbers()))

    @property
    def cheapest_together(self) -> int:
        """How many messages at once cost least each."""
        return LANES if self._lanes else 1

    def signatures(self, messages: Sequence[bytes]) -> list[bytes]:
        """One of each, in their order."""
        return [
            signature
            for at in range(0, len(messages), LANES)
            for signature in self._of_a_few(messages[at : at + LANES])
        ]

    def _of_a_few(self, messages: Sequence[bytes]) -> list[bytes]:
        if self._lanes and len(messages) >= FEWEST_TOGETHER:
            try:
                return self._together(self._lanes, messages)
            except (ComputationFailed, InvalidSignature) as fault:
                self._lanes = None
                log.error("eight signatures at once went wrong", fault=repr(fault), hint=_HINT)  # noqa: TRY400 - where it was raised is known
        return [self._private.sign(each, _PADDING, _HASH) for each in messages]

    def _together(self, lanes: EightLanes, messages: Sequence[bytes]) -> list[bytes]:
        """Raises: ComputationFailed, InvalidSignature."""
        signatures = lanes.operate([_encoded(each) for each in messages])
        for signature, message in zip(signatures, messages, strict=True):
            # One that a fault of the processor has spoiled gives the key away to who sees it.
            verify(signature, message, self._public)
        return signatures


def verify(signature: bytes, message: bytes, key: RSAPublicKey) -> None:
    """Raises: InvalidSignature, ValueError."""
    key.verify(signature, message, _PADDING, _HASH)


def _encoded(message: bytes) -> bytes:
    return _BEFORE_DIGEST + sha512(message).digest()
