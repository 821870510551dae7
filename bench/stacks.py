"""What the sampler in a worker has noted (sampler/sitecustomize.py), and which layer that is.

The innermost frame that has a layer names it: what a library does is done for who called it.
"""

from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Final

SIGNATURES = "RSA, two signatures"
VERIFICATION = "RSA, one verification"
HTTP = "HTTP read, request begun and ended"
FORM = "form and request read"
TOKEN = "token taken apart, two written"  # noqa: S105 - a layer
RULES = "keys, claims, ids, moments, rules"
STORE = "store asked, its answer read"
AUDIT = "audit line"
ANSWER = "answer rendered and written"
LOOP = "event loop, sockets read"
UNTOLD = "not told apart"

WHO_CALLED: Final = None
LAYERS: Mapping[str | None, tuple[str, ...]] = {
    SIGNATURES: (
        "token_server/signing/rs512.py",
        "token_server/signing/blinded_lanes.py",
        "token_server/signing/blinding.py",
    ),
    VERIFICATION: ("token_server/signing/jws.py:verify",),
    ANSWER: (
        "token_server/web/answering.py",
        "token_server/web/dialects/camel.py:render",
        "token_server/web/dialects/form.py:timestamp",
        "token_server/web/dialects/form.py:access_token_expires_in",
        "token_server/web/dialects/form.py:expires_in",
        "token_server/web/wire.py:json_answer",
        "starlette/responses.py",
    ),
    HTTP: (
        "token_server/web/hardened.py",
        "token_server/web/patience.py",
        "token_server/web/overload.py",
        "token_server/web/framing.py",
        "token_server/process/",
        "uvicorn/",
    ),
    FORM: ("token_server/web/", "starlette/"),
    RULES: (
        "token_server/tokens/",
        "token_server/signing/lifecycle.py",
        "token_server/signing/live.py",
        "token_server/system.py",
    ),
    TOKEN: ("token_server/signing/",),
    STORE: ("token_server/store/",),
    AUDIT: ("token_server/audit.py",),
    LOOP: ("asyncio/",),
    WHO_CALLED: (
        "token_server/signing/rs512.py:verify",
        "token_server/strict_json.py",
        "token_server/spoken.py",
    ),
    UNTOLD: ("token_server/",),
}
NAMES = tuple(layer for layer in LAYERS if layer is not WHO_CALLED)
_BY_PLACE = {place: layer for layer, places in LAYERS.items() for place in places}
_PLACES = sorted(_BY_PLACE, key=len, reverse=True)


class Stacks:
    """A file that a sampler writes."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._read = 0

    def taken(self) -> Counter[str]:
        """How often it found a worker in each layer, since this was asked last."""
        with suppress(FileNotFoundError), self._file.open("rb") as file:
            file.seek(self._read)
            noted = file.read()
            self._read += len(noted)
            return Counter(layer_of(each) for each in noted.decode().splitlines())
        return Counter()


@cache
def layer_of(stack: str) -> str:
    """`stack`: file and function of each frame, the innermost first; empty, the loop itself."""
    layers = chain.from_iterable(map(_layers_at, stack.split("\t")))
    return next(layers, UNTOLD) if stack else LOOP


@cache
def _layers_at(frame: str) -> tuple[str, ...]:
    """One or none."""
    for place in _PLACES:
        # A path begins anywhere, as far as we know.
        if f"/{place}" in frame:
            layer = _BY_PLACE[place]
            return () if layer is WHO_CALLED else (layer,)
    return ()
