"""The JWK Set as verifiers fetch and cache it (RFC 7517 §8.5.2)."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from starlette.requests import Request
from starlette.responses import Response

from token_server.tokens.ports import Clock, JwkSet, JwkSetDocument, VerifierLog
from token_server.web.wire import peer_of

JWK_SET = "application/jwk-set+json"
_SECOND = timedelta(seconds=1)
# RFC 9110 §8.8.3, without the `W/` that a cache may put before it: If-None-Match compares weakly.
_ENTITY_TAG = re.compile(r'"[\x21\x23-\x7e\x80-\xff]*"')


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answers:
    """Made once, and given to everybody while nothing changes."""

    etag: str
    max_age: int
    whole: Response
    not_modified: Response


class JwkSetEndpoint:
    """The path that is asked most: it must cost less than any other."""

    def __init__(self, *, jwk_set: JwkSet, verifiers: VerifierLog, clock: Clock) -> None:
        self._jwk_set = jwk_set
        self._verifiers = verifiers
        self._clock = clock
        self._answers: _Answers | None = None

    async def __call__(self, request: Request) -> Response:
        now = self._clock()
        document = self._jwk_set.document(now)
        max_age = self._jwk_set.max_age(now) // _SECOND
        answers = self._answers
        if answers is None or (answers.etag, answers.max_age) != (document.etag, max_age):
            answers = self._answers = _answers(document, max_age)
        if request.method == "GET":
            user_agent = request.headers.get("user-agent", "")
            self._verifiers.fetched(peer_of(request), user_agent, document.newest)
        if is_known(document.etag, request.headers.getlist("if-none-match")):
            return answers.not_modified
        return answers.whole


def _answers(document: JwkSetDocument, max_age: int) -> _Answers:
    headers = {
        "Cache-Control": f"public, max-age={max_age}",
        "ETag": document.etag,
        # Public keys: a verifier in a browser may read them wherever it comes from.
        "Access-Control-Allow-Origin": "*",
    }
    return _Answers(
        etag=document.etag,
        max_age=max_age,
        whole=Response(document.body, headers=headers, media_type=JWK_SET),
        not_modified=Response(status_code=304, headers=headers),
    )


def is_known(etag: str, if_none_match: Iterable[str]) -> bool:
    """Whether the caller has this version: `*`, or one of its list (RFC 9110 §13.1.2)."""
    return any(
        condition.strip() == "*" or etag in _ENTITY_TAG.findall(condition)
        for condition in if_none_match
    )
