"""The description as it is served: made once, and kept by caches for a short while."""

import hashlib
import json
from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import Response

from token_server.web.openapi.page import POLICY, page
from token_server.web.openapi.parts import Part
from token_server.web.well_known import is_known
from token_server.web.wire import JSON

MAX_AGE = 300


class Described:
    """One answer for everybody."""

    def __init__(self, body: str, *, media_type: str, headers: Mapping[str, str]) -> None:
        self._etag = f'"{hashlib.blake2b(body.encode(), digest_size=16).hexdigest()}"'
        told = {
            "Cache-Control": f"public, max-age={MAX_AGE}",
            "ETag": self._etag,
            **headers,
        }
        self._whole = Response(body, headers=told, media_type=media_type)
        self._not_modified = Response(status_code=304, headers=told)

    async def __call__(self, request: Request) -> Response:
        if is_known(self._etag, request.headers.getlist("if-none-match")):
            return self._not_modified
        return self._whole


def described_for_machines(document: Part) -> Described:
    body = json.dumps(document, separators=(",", ":"))
    # Public: tools in a browser may read it wherever they come from.
    return Described(body, media_type=JSON, headers={"Access-Control-Allow-Origin": "*"})


def described_for_people(document: Part) -> Described:
    headers = {"Content-Security-Policy": POLICY, "Referrer-Policy": "no-referrer"}
    return Described(page(document), media_type="text/html", headers=headers)
