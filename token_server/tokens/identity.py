"""Token ids, derived from the store secret: nothing is stored, and nobody else can make one."""

import hashlib
import hmac

from token_server.tokens.model import SessionId, TokenId
from token_server.tokens.refusals import StoreMemoryLost
from token_server.tokens.uuids import uuid4

_BLOCK = 64
_INNER_PAD, _OUTER_PAD = (bytes(byte ^ pad for byte in range(256)) for pad in (0x36, 0x5C))


class TokenIds:
    """Derives the ids of a session's tokens.

    HMAC-SHA-256 over kind, session and generation, cut to the 122 free bits of a UUID v4.
    """

    SECRET_BYTES = 32

    def __init__(self, store_secret: bytes | None) -> None:
        """None: the secret is not known yet; until `learn`, each method raises StoreMemoryLost."""
        self._inner: hashlib._Hash | None = None
        self._outer: hashlib._Hash | None = None
        if store_secret is not None:
            self.learn(store_secret)

    def learn(self, store_secret: bytes) -> None:
        if len(store_secret) != self.SECRET_BYTES:
            raise ValueError("a store secret is 32 bytes long")
        # RFC 2104, with both halves of the key taken in once: `hmac` would do it for each id.
        self._inner = hashlib.sha256(store_secret.ljust(_BLOCK, b"\0").translate(_INNER_PAD))
        self._outer = hashlib.sha256(store_secret.ljust(_BLOCK, b"\0").translate(_OUTER_PAD))

    def forget(self) -> None:
        """Judge no token until a secret is known again: no id is genuine or false meanwhile."""
        self._inner = self._outer = None

    def of_refresh_token(self, sid: SessionId, generation: int) -> TokenId:
        return self._derive("refresh", sid, generation)

    def of_access_token(self, sid: SessionId, generation: int, *, variation: str = "") -> TokenId:
        """`variation` sets apart what else is issued for one generation."""
        return self._derive("access", sid, generation, variation)

    def is_refresh_token(self, token_id: str, sid: SessionId, generation: int) -> bool:
        """Whether we derived this id; compared in constant time."""
        return hmac.compare_digest(
            token_id.encode("utf-8", "surrogatepass"),
            self.of_refresh_token(sid, generation).encode(),
        )

    def _derive(self, kind: str, sid: SessionId, generation: int, variation: str = "") -> TokenId:
        if self._inner is None or self._outer is None:
            raise StoreMemoryLost
        named = f"{kind}:{sid}:{generation}"
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update((f"{named}:{variation}" if variation else named).encode())
        outer.update(inner.digest())
        return TokenId(uuid4(outer.hexdigest()))
