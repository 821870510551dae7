"""Which way of signing so many messages costs least: measured, as processors differ."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

Sign = Callable[[Sequence[bytes]], object]

PLANNED = 16
"""Messages, twice what any way takes: where there are more, the first go the way of these."""
RUNS = 5
"""Of which the shortest counts: whatever disturbs one makes it longer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Of a way to sign several messages at once, in seconds."""

    most: int
    of_one: float
    of_most: float

    def of(self, count: int) -> float:
        """Of so many, from one to `most`."""
        each_more = (self.of_most - self.of_one) / max(1, self.most - 1)
        return self.of_one + (count - 1) * each_more


def costs_of(ways: Sequence[tuple[Sign, int]]) -> list[Cost]:
    """Of each way, and the most messages it is for.

    In turns: a processor that changes its speed meanwhile does so for all of them.
    """
    shortest: dict[tuple[int, int], float] = {}
    for _ in range(RUNS):
        for way, (sign, most) in enumerate(ways):
            for count in sorted({1, most}):
                seconds = _seconds(sign, [bytes([number]) for number in range(count)])
                shortest[way, count] = min(seconds, shortest.get((way, count), seconds))
    return [
        Cost(most=most, of_one=shortest[way, 1], of_most=shortest[way, most])
        for way, (_, most) in enumerate(ways)
    ]


def _seconds(sign: Sign, messages: Sequence[bytes]) -> float:
    began = time.perf_counter()
    sign(messages)
    return time.perf_counter() - began


class Plan:
    """Of several ways, one after the other: which, and for how many messages each."""

    def __init__(self, costs: Sequence[Cost]) -> None:
        """`costs`: of each way."""
        self._cheapest = min(costs, key=lambda each: each.of_most / each.most)
        totals = [0.0]
        self._begin = [(0, 0)]
        for count in range(1, PLANNED + 1):
            total, begin = min(
                (cost.of(some) + totals[count - some], (way, some))
                for way, cost in enumerate(costs)
                for some in range(1, min(count, cost.most) + 1)
            )
            totals.append(total)
            self._begin.append(begin)

    @property
    def cheapest_together(self) -> int:
        """How many messages at once cost least each."""
        return self._cheapest.most

    def begin(self, count: int) -> tuple[int, int]:
        """With which way, by its place among the costs, and for how many."""
        return self._begin[min(count, PLANNED)]
