"""The JWK Set as verifiers fetch and cache it (RFC 7517 §8.5.2)."""

import re
from collections.abc import Iterable
from datetime import timedelta

from starlette.requests import Request
from starlette.responses import Response

from token_server.tokens.ports import Clock, JwkSet

JWK_SET = "application/jwk-set+json"
# RFC 9110 §8.8.3, without the `W/` that a cache may put before it: If-None-Match compares weakly.
_ENTITY_TAG = re.compile(r'"[\x21\x23-\x7e\x80-\xff]*"')


class JwkSetEndpoint:
    def __init__(self, *, jwk_set: JwkSet, clock: Clock) -> None:
        self._jwk_set = jwk_set
        self._clock = clock

    async def __call__(self, request: Request) -> Response:
        now = self._clock()
        document = self._jwk_set.document(now)
        max_age = self._jwk_set.max_age(now) // timedelta(seconds=1)
        headers = {
            "Cache-Control": f"public, max-age={max_age}",
            "ETag": document.etag,
            # Public keys: a verifier in a browser may read them wherever it comes from.
            "Access-Control-Allow-Origin": "*",
        }
        if is_known(document.etag, request.headers.getlist("if-none-match")):
            return Response(status_code=304, headers=headers)
        return Response(document.body, headers=headers, media_type=JWK_SET)


def is_known(etag: str, if_none_match: Iterable[str]) -> bool:
    """Whether the caller has this version: `*`, or one of its list (RFC 9110 §13.1.2)."""
    return any(
        condition.strip() == "*" or etag in _ENTITY_TAG.findall(condition)
        for condition in if_none_match
    )
