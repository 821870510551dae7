"""Signs what is asked for in one turn of the event loop together, by each key all that is its own.

Half a millisecond of RSA leaves little of anything else in the processor's caches: whoever goes
on after it starts slowly. Signed together, they share that start; and four or eight signatures at
once take half as long as one after the other. So they wait for who is about to ask, but not long.
"""

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from types import TracebackType
from typing import NamedTuple

from token_server.signing import jws
from token_server.signing.rs512 import Rs512Key

MOST_IN_A_TURN = 32
"""Requests; some ten milliseconds, or twenty, in which nobody else is heard.

What is done goes out before the rest is begun.
"""
LONGEST_WAIT_SECONDS = 0.002
"""For those who are expected. Of a store that answers later nobody is waited for."""
_FORGETTING = 1.01
"""With each answer the soonest one counts as so much later; most just find the worker busy."""


class _Asked(NamedTuple):
    key: Rs512Key
    signing_inputs: Sequence[str]
    messages: Sequence[bytes]
    """The same, as they are signed."""
    signed: "asyncio.Future[list[str]]"


class SigningTurn:
    """First come, first served. As a context: within it, somebody is about to ask."""

    def __init__(self) -> None:
        self._asked: deque[_Asked] = deque()
        self._expected: deque[float] = deque()
        """Since when; who has come first leaves first, nearly always."""
        self._soonest = LONGEST_WAIT_SECONDS / 2
        self._is_due = False
        self._wait: asyncio.TimerHandle | None = None
        self._rest: asyncio.Handle | None = None

    def __enter__(self) -> None:
        self._expected.append(time.monotonic())

    def __exit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        took = time.monotonic() - self._expected.popleft()
        self._soonest = min(took, self._soonest * _FORGETTING)
        if self._wait and not self._expected:
            # Whoever leaves now may still ask before the turn comes.
            self._look_soon()

    def sign(self, signing_inputs: Sequence[str], key: Rs512Key) -> "asyncio.Future[list[str]]":
        """The compact JWS of each, once it is their turn."""
        messages = [each.encode("ascii") for each in signing_inputs]
        signed = asyncio.get_running_loop().create_future()
        self._asked.append(_Asked(key, signing_inputs, messages, signed))
        self._look_soon()
        return signed

    def _look_soon(self) -> None:
        """Two steps of the loop later: of whom uvloop reads in the first is expected by then."""
        if not self._is_due:
            loop = asyncio.get_running_loop()
            loop.call_soon(loop.call_soon, self._look)
            self._is_due = True

    def _look(self) -> None:
        self._is_due = False
        if not self._asked or self._rest:
            return
        if not self._is_worth_waiting():
            self._sign_some()
        elif self._wait is None:
            loop = asyncio.get_running_loop()
            self._wait = loop.call_later(LONGEST_WAIT_SECONDS, self._sign_some)

    def _is_worth_waiting(self) -> bool:
        asked = sum(len(each.messages) for each in self._asked)
        return (
            len(self._expected) > 0
            and asked < self._asked[0].key.cheapest_together
            and self._soonest < LONGEST_WAIT_SECONDS
        )

    def _sign_some(self) -> None:
        self._rest = None
        if self._wait:
            self._wait.cancel()
            self._wait = None
        of_key: dict[Rs512Key, list[_Asked]] = {}
        for _ in range(min(len(self._asked), MOST_IN_A_TURN)):
            asked = self._asked.popleft()
            # Whoever asked may have gone.
            if not asked.signed.done():
                of_key.setdefault(asked.key, []).append(asked)
        for key, of_one in of_key.items():
            _sign(key, of_one)
        if self._asked:
            # After them, so that whoever has been signed for goes on before.
            self._rest = asyncio.get_running_loop().call_soon(self._sign_some)


def _sign(key: Rs512Key, all_asked: Sequence[_Asked]) -> None:
    try:
        tokens = iter(_tokens(key, all_asked))
    except Exception as fault:  # noqa: BLE001 - it is theirs who asked, and of nobody else
        for asked in all_asked:
            asked.signed.set_exception(fault)
        return
    for asked in all_asked:
        asked.signed.set_result([next(tokens) for _ in asked.signing_inputs])


def _tokens(key: Rs512Key, all_asked: Sequence[_Asked]) -> list[str]:
    signing_inputs = [each for asked in all_asked for each in asked.signing_inputs]
    signatures = key.signatures([each for asked in all_asked for each in asked.messages])
    return [jws.compact(*each) for each in zip(signing_inputs, signatures, strict=True)]
