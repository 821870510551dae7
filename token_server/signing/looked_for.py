"""The tokens of unknown keys for which the keyset was read a moment ago."""

import time
from collections.abc import Callable
from hashlib import sha256


class LookedFor:
    """Remembers whole tokens, not their `kid`.

    A stranger can send the `kid` of a key that is yet to come, but not a token that it signed.
    """

    MOST = 1024
    SECONDS = 5.0

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._until: dict[bytes, float] = {}
        """By digest, the oldest first."""

    def add(self, token: str) -> None:
        self._until[_digest_of(token)] = self._clock() + self.SECONDS
        if len(self._until) > self.MOST:
            del self._until[next(iter(self._until))]

    def has(self, token: str) -> bool:
        return self._until.get(_digest_of(token), 0.0) > self._clock()

    def forget(self) -> None:
        self._until.clear()


def _digest_of(token: str) -> bytes:
    return sha256(token.encode("utf-8", "surrogatepass")).digest()
