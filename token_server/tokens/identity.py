"""Token ids, derived from the store secret: nothing is stored, and nobody else can make one."""

import hashlib
import hmac
import uuid

from token_server.tokens.model import SessionId, TokenId


class TokenIds:
    """Derives the ids of a session's tokens.

    HMAC-SHA-256 over kind, session and generation, cut to the 122 free bits of a UUID v4.
    """

    SECRET_BYTES = 32

    def __init__(self, store_secret: bytes) -> None:
        if len(store_secret) != self.SECRET_BYTES:
            raise ValueError("a store secret is 32 bytes long")
        self._store_secret = store_secret

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
        named = f"{kind}:{sid}:{generation}"
        text = (f"{named}:{variation}" if variation else named).encode()
        digest = hmac.digest(self._store_secret, text, hashlib.sha256)
        return TokenId(str(uuid.UUID(bytes=digest[:16], version=4)))
