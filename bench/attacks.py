"""Attacks by one address on a server of one worker; how many honest refreshes are refused.

Each repeats one of the review of December 2026 (S1, S2, S10, S11, S12), and runs on servers from
before and after. All of it stays on loopback: the attacker is 127.0.0.9, the honest client another
network's 127.1.0.1 (Linux lets any address of 127.0.0.0/8 connect).
"""

import asyncio
import secrets
import socket
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.attack_tools import (
    Stream,
    ask,
    assertion_request,
    connected,
    made_up_token,
    silent_server,
    soft_limit,
)
from bench.beds import Bed, bed
from bench.figures import Figure
from bench.requests import TOKEN_PATH, Refreshes, get, post
from bench.scale import Scale

WHOLE = Scale(rounds=1, run_seconds=10.0, connections=300)
ATTACKER, HONEST = ("127.0.0.9", 0), ("127.1.0.1", 0)
HONEST_CLIENTS, HONEST_ASKS_EVERY = 4, 0.05
PATIENCE = 5.0
FEW_FILES = 1024
BURST, BURSTS_EVERY = 256, 3.0
PIPELINED, MORE_ROUNDS = 60, 3
RECEIVE_BUFFER_BYTES = 4096

Figures = list[tuple[str, float, str]]


def measure(scale: Scale = WHOLE) -> list[Figure]:
    attacks: Sequence[Callable[[Scale], Figures]] = (
        partial(_flood_of_kids, headers=()),
        partial(_flood_of_kids, headers=("Expect: 100-continue",)),
        partial(flood_of_checks, path="/readyz"),
        partial(flood_of_checks, path="/livez"),
        _held_connections,
        _unread_answers,
        _held_fetch,
    )
    runs: dict[tuple[str, str], list[float]] = {}
    for attack in attacks:
        for _ in range(scale.rounds):
            for name, value, unit in attack(scale):
                runs.setdefault((name, unit), []).append(value)
    return [Figure(name=name, unit=unit, runs=each) for (name, unit), each in runs.items()]


def _flood_of_kids(scale: Scale, *, headers: Sequence[str]) -> Figures:
    def question() -> bytes:
        form = {"grantType": "RefreshToken", "refreshToken": made_up_token()}
        return post(TOKEN_PATH, form, *headers)

    with bed("embedded", 1) as one:
        name = f"S1 unknown kids{' with Expect' if headers else ''}"
        return asyncio.run(_attacked(one, scale, name, question, scale.connections))


def flood_of_checks(scale: Scale, *, path: str) -> Figures:
    with bed("embedded", 1) as one:
        connections = scale.connections * 4 // 3
        return asyncio.run(_attacked(one, scale, f"S2 {path}", lambda: get(path), connections))


def _held_connections(scale: Scale) -> Figures:
    """More connections than a server with the usual soft limit may have, one request on each."""

    async def attack(one: Bed) -> Figures:
        held = await _opened(one, scale.connections * 4 + 24, get("/livez"))
        honest = await _honest(one, scale, reconnect=True)
        for _, writer in held:
            writer.close()
        return _told("S10 held connections", honest, len(held) / scale.run_seconds)

    with soft_limit(FEW_FILES), bed("embedded", 1) as one, soft_limit(None):
        return asyncio.run(attack(one))


def _unread_answers(scale: Scale) -> Figures:
    """Connections that ask much and read nothing; how long the server then takes to stop."""

    async def attack(one: Bed) -> Figures:
        question = get("/openapi.json") * PIPELINED
        held = await _opened(one, scale.connections // 3, question)
        asking_more = asyncio.create_task(_ask_more(held, question))
        honest = await _honest(one, scale)
        await asking_more
        process = one.server.process
        assert process
        began = time.monotonic()
        process.terminate()
        await asyncio.to_thread(process.wait)
        took = time.monotonic() - began
        for _, writer in held:
            writer.transport.abort()
        name = "S11 unread answers"
        return [
            *_told(name, honest, len(held) / scale.run_seconds),
            (f"{name}: the server stops within", took, "s"),
        ]

    with bed("embedded", 1) as one:
        return asyncio.run(attack(one))


def _held_fetch(scale: Scale) -> Figures:
    """Assertions by made-up keys of a client whose jwks_uri never answers."""

    async def attack(one: Bed) -> Figures:
        ended = asyncio.Event()
        counts: Counter[int] = Counter()

        async def burst() -> None:
            while not ended.is_set():
                asked = (_asked_once(one, assertion_request(), counts) for _ in range(BURST))
                await asyncio.gather(*asked)
                with suppress(TimeoutError):
                    await asyncio.wait_for(ended.wait(), BURSTS_EVERY)

        async with silent_server(port):
            attacking = asyncio.create_task(burst())
            honest = await _honest(one, scale)
            ended.set()
            attacking.cancel()
            await asyncio.wait([attacking])
        return _told("S12 held jwks_uri", honest, counts.total() / scale.run_seconds)

    port = 20_000 + secrets.randbelow(10_000)
    with TemporaryDirectory(prefix="bench-") as folder:
        clients = Path(folder) / "clients.toml"
        clients.write_text(
            '[[clients]]\nclient_id = "slow"\ntoken_endpoint_auth_method = "private_key_jwt"\n'
            f'jwks_uri = "http://localhost:{port}/jwks"\ngrant_types = ["client_credentials"]\n'
        )
        with bed("embedded", 1, CLIENTS_FILE=str(clients)) as one:
            return asyncio.run(attack(one))


async def _attacked(
    one: Bed, scale: Scale, name: str, question: Callable[[], bytes], connections: int
) -> Figures:
    """Each connection asks as soon as it is answered, and comes again where it is closed."""
    counts: Counter[int] = Counter()

    async def attack() -> None:
        while True:
            with suppress(OSError, asyncio.IncompleteReadError):
                stream = await connected(one, ATTACKER)
                try:
                    while True:
                        counts[await ask(stream, question())] += 1
                finally:
                    stream[1].transport.abort()

    attackers = [asyncio.create_task(attack()) for _ in range(connections)]
    honest = await _honest(one, scale)
    for each in attackers:
        each.cancel()
    await asyncio.wait(attackers)
    return _told(name, honest, counts.total() / scale.run_seconds)


async def _honest(one: Bed, scale: Scale, *, reconnect: bool = False) -> Counter[int]:
    """Refresh on time, with `reconnect` on a new connection each time. Status 0: no answer."""
    statuses: Counter[int] = Counter()
    until = time.monotonic() + scale.run_seconds

    async def refresh(session: Refreshes) -> None:
        stream: Stream | None = None
        while time.monotonic() < until:
            status = 0
            with suppress(OSError, asyncio.IncompleteReadError, TimeoutError):
                async with asyncio.timeout(PATIENCE):
                    stream = stream or await connected(one, HONEST)
                    status = await ask(stream, session.next(), session)
            statuses[status] += 1
            if stream and (reconnect or not status):
                stream[1].close()
                stream = None
            await asyncio.sleep(HONEST_ASKS_EVERY)
        if stream:
            stream[1].close()

    sessions = await one.sessions(HONEST_CLIENTS)
    await asyncio.gather(*map(refresh, sessions))
    return statuses


def _told(name: str, honest: Counter[int], rate: float) -> Figures:
    refused = honest.total() - honest[200]
    return [
        (f"{name}: honest requests refused", refused / honest.total(), ""),
        (f"{name}: honest requests sent", honest.total(), ""),
        (f"{name}: attacker's rate", rate, "/s"),
    ]


async def _asked_once(one: Bed, question: bytes, counts: Counter[int]) -> None:
    with suppress(OSError, asyncio.IncompleteReadError):
        stream = await connected(one, ATTACKER)
        try:
            counts[await ask(stream, question)] += 1
        finally:
            stream[1].close()


async def _ask_more(held: Sequence[Stream], question: bytes) -> None:
    """Until the kernel takes no more answers, but never more than the server lets wait."""
    for _ in range(MORE_ROUNDS):
        await asyncio.sleep(1)
        for _, writer in held:
            writer.write(question)


async def _opened(one: Bed, count: int, question: bytes) -> list[Stream]:
    """Connections on which that was asked, and no answer read."""
    held = []
    for _ in range(count):
        with suppress(OSError):
            own = socket.socket()
            # Before it connects: with more room the kernel would take in megabytes.
            own.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
            own.bind(ATTACKER)
            own.settimeout(PATIENCE)
            own.connect(("127.0.0.1", one.server.port))
            held.append(await asyncio.open_connection(sock=own))
            held[-1][1].write(question)
            held[-1][1].transport.pause_reading()  # type: ignore[attr-defined]
    return held
