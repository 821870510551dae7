"""What else is asked for: refusals, log-ins, the JWK Set; as CPU, beside that of a refresh."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from contextlib import ExitStack

from bench.beds import Bed, bed
from bench.figures import Figure
from bench.load import OpenLoop, closed_loop, connected, evenly, play, spend
from bench.requests import TOKEN_PATH, Refreshes, Same, get, post, refreshing

ROUNDS = 5
AT_ONCE = 16
# Of one dead token, a worker hears 60 times a minute.
TOKENS = 200
SECONDS = 0.5
LOG_INS_PER_SECOND = 50
USER = "bench-user"
BRIEF = {"REFRESH_TOKEN_LIFETIME": "1"}

Runs = dict[tuple[str, str], list[float]]


def measure() -> list[Figure]:
    with ExitStack() as held:
        one = held.enter_context(bed("embedded", 1))
        brief = held.enter_context(bed("embedded", 1, **BRIEF))
        password = one.server.user(USER)
        log_in = {"grantType": "Password", "userName": USER, "password": password}
        runs = play(_rounds(one, brief, post(TOKEN_PATH, log_in)))
    return [Figure(name=what, unit=unit, runs=values) for (what, unit), values in runs.items()]


async def _rounds(one: Bed, brief: Bed, log_in: bytes) -> Runs:
    runs: Runs = defaultdict(list)
    refreshes = await one.sessions(AT_ONCE)
    expired = [refreshing(each.token) for each in await brief.sessions(TOKENS)]
    await asyncio.sleep(1.1)
    for _ in range(ROUNDS):
        refresh = await _cpu_at_full_load(one, refreshes)
        reused = await _spent_before_the_base(one)
        gone = [*reused]
        for what, where, requests in (
            ("refusal of an expired token", brief, expired),
            ("refusal of a reused token, which ends its session", one, reused),
            ("refusal of a token of an ended session", one, gone),
        ):
            cpu = await _cpu_of_each(where, requests, 401)
            runs[f"{what}: CPU, store included", "us"].append(cpu)
            runs[f"{what} / refresh", ""].append(cpu / refresh)
        await _cheap_reads(one, runs)
        runs["log-in: CPU, store included", "us"].append(
            await _cpu_of_each(one, [log_in] * 16, 200, at_once=4)
        )
        await _beside_log_ins(one, refreshes, log_in, runs)
    return runs


async def _spent_before_the_base(one: Bed) -> list[bytes]:
    sessions = await one.sessions(TOKENS)
    stale = [refreshing(each.token) for each in sessions]
    for _ in range(2):
        connections = await connected(one.server.port, sessions)
        load = await closed_loop(connections, 0)
        assert load.statuses == {200: TOKENS}, load.statuses
        for each in connections:
            each.close()
    return stale


async def _cpu_at_full_load(one: Bed, refreshes: Sequence[Refreshes]) -> float:
    connections = await connected(one.server.port, refreshes)
    before = one.cpu()
    load = await closed_loop(connections, SECONDS)
    spent = one.cpu() - before
    for each in connections:
        each.close()
    return (spent.server + spent.store) / load.answered * 1e6


async def _cpu_of_each(
    one: Bed, requests: Sequence[bytes], status: int, *, at_once: int = AT_ONCE
) -> float:
    before = one.cpu()
    load = await spend(one.server.port, requests, at_once=at_once)
    spent = one.cpu() - before
    assert set(load.statuses) == {status}, (one.name, load.statuses)
    return (spent.server + spent.store) / load.answered * 1e6


async def _cheap_reads(one: Bed, runs: Runs) -> None:
    costs = {}
    for path in ("/livez", "/.well-known/jwks.json"):
        connections = await connected(one.server.port, [Same(get(path))] * AT_ONCE)
        before = one.cpu()
        load = await closed_loop(connections, SECONDS)
        costs[path] = (one.cpu() - before).server / load.answered * 1e6
        for each in connections:
            each.close()
        runs[f"GET {path}: CPU", "us"].append(costs[path])
    live, jwk_set = costs.values()
    runs["JWK Set: requests for the CPU of one to /livez", ""].append(live / jwk_set)


async def _beside_log_ins(
    one: Bed, refreshes: Sequence[Refreshes], log_in: bytes, runs: Runs
) -> None:
    """Refreshes at half of the capacity, alone and while people log in."""
    connections = await connected(one.server.port, refreshes)
    load = await closed_loop(connections, SECONDS)
    due = evenly(load.answered / load.seconds / 2, 2 * SECONDS)
    alone = await OpenLoop(connections).run(due)
    others = await connected(one.server.port, [Same(log_in)] * LOG_INS_PER_SECOND)
    beside, _ = await asyncio.gather(
        OpenLoop(connections).run(due),
        OpenLoop(others).run(evenly(LOG_INS_PER_SECOND, 2 * SECONDS)),
    )
    for each in (*connections, *others):
        each.close()
    runs["refresh at 50 %, p99", "ms"].append(alone.quantile(0.99) * 1e3)
    runs[f"... beside {LOG_INS_PER_SECOND} log-ins/s", "ms"].append(beside.quantile(0.99) * 1e3)
