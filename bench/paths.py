"""What else is asked for: refusals, log-ins, the JWK Set; as CPU, beside that of a refresh."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from contextlib import ExitStack
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.beds import Bed, bed
from bench.figures import Figure
from bench.load import (
    Connection,
    OpenLoop,
    ask_for_all,
    close,
    closed_loop,
    connected,
    evenly,
    play,
)
from bench.requests import TOKEN_PATH, Asks, Each, Refreshes, Same, get, post, refreshing
from bench.scale import Scale

WHOLE = Scale(rounds=7, run_seconds=0.5, connections=16)
FULL = 4
"""So many times the connections, and a worker is at the load at which refreshes are told."""
LOG_INS_PER_SECOND = 50
INTROSPECTION = "/api/oauth2/introspect"
SECRET = "bench"  # noqa: S105 - it guards nothing
CLIENTS = f"""[[clients]]
client_id = "bench"
token_endpoint_auth_method = "client_secret_post"
client_secret_sha256 = ["{sha256(SECRET.encode()).hexdigest()}"]
grant_types = ["client_credentials"]
introspect = "any"
"""
USER = "bench-user"
BRIEF = {"REFRESH_TOKEN_LIFETIME": "1"}

Runs = dict[tuple[str, str], list[float]]


def measure(scale: Scale = WHOLE) -> list[Figure]:
    with ExitStack() as held:
        file = Path(held.enter_context(TemporaryDirectory(prefix="bench-"))) / "clients.toml"
        file.write_text(CLIENTS)
        settings = {"CLIENTS_FILE": str(file), "ANONYMOUS_GRANTS": "password,refresh"}
        one = held.enter_context(bed("embedded", 1, **settings))
        brief = held.enter_context(bed("embedded", 1, **BRIEF))
        password = one.server.user(USER)
        log_in = {"grantType": "Password", "userName": USER, "password": password}
        runs = play(_rounds(one, brief, post(TOKEN_PATH, log_in), scale))
    return [Figure(name=what, unit=unit, runs=values) for (what, unit), values in runs.items()]


async def _rounds(one: Bed, brief: Bed, log_in: bytes, scale: Scale) -> Runs:
    runs: Runs = defaultdict(list)
    refreshes = await one.sessions(FULL * scale.connections)
    few = refreshes[: scale.connections]
    expired = [refreshing(each.token) for each in await brief.sessions(scale.tokens)]
    introspections = await _introspections(one)
    await asyncio.sleep(1.1)
    for _ in range(scale.rounds):
        for times in (1, FULL):
            await _refusals(
                one, brief, runs, scale, refreshes=refreshes, expired=expired, times=times
            )
        refresh = await _cpu_at_full_load(one, few, scale)
        for what, request in introspections.items():
            cpu = await _cpu_at_full_load(one, [Same(request)] * scale.connections, scale)
            runs[f"introspection of {what}: CPU, store included", "us"].append(cpu)
            runs[f"introspection of {what} / refresh", ""].append(cpu / refresh)
        await _cheap_reads(one, runs, scale)
        runs["log-in: CPU, store included", "us"].append(
            await _cpu_of_each(one, [log_in] * (4 + scale.connections), 200, at_once=4)
        )
        await _beside_log_ins(one, few, log_in, runs, scale)
    return runs


async def _refusals(  # noqa: PLR0913 - each by its name
    one: Bed,
    brief: Bed,
    runs: Runs,
    scale: Scale,
    *,
    refreshes: Sequence[Refreshes],
    expired: Sequence[bytes],
    times: int,
) -> None:
    """With so many times the connections, and of as many times the tokens."""
    at_once = times * scale.connections
    refresh = await _cpu_at_full_load(one, refreshes[:at_once], scale)
    reused = [each for _ in range(times) for each in await _spent_before_the_base(one, scale)]
    for what, where, requests in (
        ("refusal of an expired token", brief, [*expired] * times),
        ("refusal of a reused token, which ends its session", one, reused),
        ("refusal of a token of an ended session", one, reused),
    ):
        cpu = await _cpu_of_each(where, requests, 401, at_once=at_once)
        runs[f"{what}, {at_once} at once: CPU, store included", "us"].append(cpu)
        runs[f"{what}, {at_once} at once / refresh", ""].append(cpu / refresh)


async def _introspections(one: Bed) -> dict[str, bytes]:
    """Requests by a registered client, which proves itself with each."""
    client = {"client_id": "bench", "client_secret": SECRET}
    (live,), (gone,) = [await one.server.pairs(name, 1) for name in ("live", "gone")]
    one.server.cli("sessions", "end", "--all", "gone")
    tokens = {
        "an active access token": live.access_token,
        "an active refresh token": live.refresh_token,
        "a token of an ended session": gone.access_token,
    }
    return {what: post(INTROSPECTION, client | {"token": each}) for what, each in tokens.items()}


async def _spent_before_the_base(one: Bed, scale: Scale) -> list[bytes]:
    sessions = await one.sessions(scale.tokens)
    stale = [refreshing(each.token) for each in sessions]
    for _ in range(2):
        connections = await connected(one.server.port, sessions)
        load = await closed_loop(connections, 0)
        assert load.statuses == {200: scale.tokens}, load.statuses
        close(connections)
    return stale


async def _cpu_at_full_load(one: Bed, asks: Sequence[Asks], scale: Scale) -> float:
    connections = await _opened(one, asks, 200)
    before = one.cpu()
    load = await closed_loop(connections, scale.run_seconds)
    spent = one.cpu() - before
    assert set(load.statuses) == {200}, load.statuses
    close(connections)
    return (spent.server + spent.store) / load.answered * 1e6


async def _cpu_of_each(one: Bed, requests: Sequence[bytes], status: int, *, at_once: int) -> float:
    connections = await _opened(one, [Each(iter(requests))] * at_once, status)
    before = one.cpu()
    load = await ask_for_all(connections, len(requests) - at_once)
    spent = one.cpu() - before
    assert set(load.statuses) == {status}, (one.name, load.statuses)
    close(connections)
    return (spent.server + spent.store) / load.answered * 1e6


async def _opened(one: Bed, asks: Sequence[Asks], status: int) -> list[Connection]:
    """Each was answered once: what a connection costs is not the request's."""
    connections = await connected(one.server.port, asks)
    load = await closed_loop(connections, 0)
    assert set(load.statuses) == {status}, (one.name, load.statuses)
    return connections


async def _cheap_reads(one: Bed, runs: Runs, scale: Scale) -> None:
    costs = {}
    for path in ("/livez", "/.well-known/jwks.json"):
        connections = await _opened(one, [Same(get(path))] * scale.connections, 200)
        before = one.cpu()
        load = await closed_loop(connections, scale.run_seconds)
        costs[path] = (one.cpu() - before).server / load.answered * 1e6
        close(connections)
        runs[f"GET {path}: CPU", "us"].append(costs[path])
    live, jwk_set = costs.values()
    runs["JWK Set: requests for the CPU of one to /livez", ""].append(live / jwk_set)


async def _beside_log_ins(
    one: Bed, refreshes: Sequence[Refreshes], log_in: bytes, runs: Runs, scale: Scale
) -> None:
    """Refreshes at half of the capacity, alone and while people log in."""
    connections = await connected(one.server.port, refreshes)
    load = await closed_loop(connections, scale.run_seconds)
    due = evenly(load.answered / load.seconds / 2, 2 * scale.run_seconds)
    alone = await OpenLoop(connections).run(due)
    others = await connected(one.server.port, [Same(log_in)] * LOG_INS_PER_SECOND)
    beside, _ = await asyncio.gather(
        OpenLoop(connections).run(due),
        OpenLoop(others).run(evenly(LOG_INS_PER_SECOND, 2 * scale.run_seconds)),
    )
    close((*connections, *others))
    runs["refresh at 50 %, p99", "ms"].append(alone.quantile(0.99) * 1e3)
    runs[f"... beside {LOG_INS_PER_SECOND} log-ins/s", "ms"].append(beside.quantile(0.99) * 1e3)
