"""Which way costs least: measured, and planned for any number of messages."""

from collections.abc import Sequence
from functools import cache, partial
from itertools import cycle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from token_server.signing.cheapest import PLANNED, RUNS, Cost, Plan, costs_of

COSTS = st.builds(
    lambda most, of_one, more: Cost(most=most, of_one=of_one, of_most=of_one + more),
    st.integers(2, 8),
    st.integers(1, 100),
    st.integers(0, 100),
)
ALONE = st.integers(1, 100).map(lambda of_one: Cost(most=1, of_one=of_one, of_most=of_one))
WAYS = st.builds(lambda alone, others: [alone, *others], ALONE, st.lists(COSTS, max_size=3))


def steps(plan: Plan, count: int) -> list[tuple[int, int]]:
    taken: list[tuple[int, int]] = []
    while count:
        taken.append(plan.begin(count))
        count -= taken[-1][1]
    return taken


def least(costs: Sequence[Cost], count: int) -> float:
    """By trying all orders and numbers."""

    @cache
    def of(rest: int) -> float:
        return min(
            (
                cost.of(some) + of(rest - some)
                for cost in costs
                for some in range(1, min(rest, cost.most) + 1)
            ),
            default=0,
        )

    return of(count)


@given(WAYS, st.integers(1, PLANNED))
def test_no_other_way_costs_less(costs: list[Cost], count: int) -> None:
    taken = steps(Plan(costs), count)
    assert sum(some for _, some in taken) == count
    assert sum(costs[way].of(some) for way, some in taken) == pytest.approx(least(costs, count))


@given(WAYS, st.integers(PLANNED + 1, 70))
def test_however_many_all_are_signed(costs: list[Cost], count: int) -> None:
    taken = steps(Plan(costs), count)
    assert sum(some for _, some in taken) == count
    assert all(1 <= some <= costs[way].most for way, some in taken)


def test_together_is_cheapest_where_each_costs_least() -> None:
    alone, four = (Cost(most=most, of_one=cost, of_most=cost) for most, cost in ((1, 10), (4, 20)))
    assert Plan([alone, four, Cost(most=8, of_one=36, of_most=36)]).cheapest_together == 8
    assert Plan([alone, four, Cost(most=8, of_one=44, of_most=44)]).cheapest_together == 4
    assert Plan([alone, Cost(most=8, of_one=2, of_most=88)]).cheapest_together == 1


def test_the_shortest_of_several_runs_counts_and_all_ways_take_turns(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now, signed = 0.0, []
    disturbed = cycle([3.0, 0.0, 7.0, 0.0, 1.0, 5.0, 2.0])

    def sign(messages: Sequence[bytes], fixed: float) -> None:
        nonlocal now
        signed.append(fixed)
        now += fixed + 2 * len(messages) + next(disturbed)

    monkeypatch.setattr("time.perf_counter", lambda: now)
    costs = costs_of([(partial(sign, fixed=10), 8), (partial(sign, fixed=20), 4)])
    assert [(each.most, each.of(1), each.of(4)) for each in costs] == [(8, 12, 18), (4, 22, 28)]
    assert signed == [10, 10, 20, 20] * RUNS
