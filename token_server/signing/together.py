"""Signs what is asked for in one turn of the event loop together, one signature after another.

Half a millisecond of RSA leaves little of anything else in the processor's caches: whoever goes
on after it starts slowly. Signed together, they share that start.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from token_server.signing import jws

MOST_IN_A_TURN = 32
"""Requests; some twenty milliseconds, in which nobody else is heard.

What is done goes out before the rest is begun.
"""


class _Asked(NamedTuple):
    key: RSAPrivateKey
    signing_inputs: Sequence[str]
    signed: "asyncio.Future[list[str]]"


class SigningTurn:
    """First come, first served."""

    def __init__(self) -> None:
        self._asked: deque[_Asked] = deque()

    def sign(
        self, signing_inputs: Sequence[str], key: RSAPrivateKey
    ) -> "asyncio.Future[list[str]]":
        """The compact JWS of each, once it is their turn."""
        loop = asyncio.get_running_loop()
        if not self._asked:
            loop.call_soon(self._sign_some)
        self._asked.append(_Asked(key, signing_inputs, loop.create_future()))
        return self._asked[-1].signed

    def _sign_some(self) -> None:
        for _ in range(min(len(self._asked), MOST_IN_A_TURN)):
            asked = self._asked.popleft()
            # Whoever asked may have gone.
            if not asked.signed.done():
                _sign(asked)
        if self._asked:
            asyncio.get_running_loop().call_soon(self._sign_some)


def _sign(asked: _Asked) -> None:
    try:
        asked.signed.set_result([jws.signed(each, asked.key) for each in asked.signing_inputs])
    except Exception as fault:  # noqa: BLE001 - it is theirs who asked, and of nobody else
        asked.signed.set_exception(fault)
