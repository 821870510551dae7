"""Attacks by one address on a server of one worker; how many honest refreshes are refused.

Each repeats one of the review of December 2026 (S1, S2, S10, S11, S12), and runs on servers from
before and after. All of it stays on loopback: the attacker is 127.0.0.9, the honest client another
network's 127.1.0.1 (Linux lets any address of 127.0.0.0/8 connect).
"""

import asyncio
import base64
import itertools
import json
import resource
import secrets
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from support.server import ISSUER

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
PIPELINED = 60

Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Figures = list[tuple[str, float, str]]


def measure(scale: Scale = WHOLE) -> list[Figure]:
    attacks: Sequence[Callable[[Scale], Figures]] = (
        partial(_flood_of_kids, headers=()),
        partial(_flood_of_kids, headers=("Expect: 100-continue",)),
        partial(_flood_of_checks, path="/readyz"),
        partial(_flood_of_checks, path="/livez"),
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
        form = {"grantType": "RefreshToken", "refreshToken": _made_up_token()}
        return post(TOKEN_PATH, form, *headers)

    with bed("embedded", 1) as one:
        name = f"S1 unknown kids{' with Expect' if headers else ''}"
        return asyncio.run(_attacked(one, scale, name, question, scale.connections))


def _flood_of_checks(scale: Scale, *, path: str) -> Figures:
    with bed("embedded", 1) as one:
        connections = scale.connections * 4 // 3
        return asyncio.run(_attacked(one, scale, f"S2 {path}", lambda: get(path), connections))


def _held_connections(scale: Scale) -> Figures:
    """More connections than a server with the usual soft limit may have, one request on each."""

    async def attack(one: Bed) -> Figures:
        held = await _opened(one, scale.connections * 4 + 24, get("/livez"))
        honest = await _honest(one, scale, anew=True)
        for _, writer in held:
            writer.close()
        return _told("S10 held connections", honest, len(held) / scale.run_seconds)

    with _soft_limit(FEW_FILES), bed("embedded", 1) as one, _soft_limit(None):
        return asyncio.run(attack(one))


def _unread_answers(scale: Scale) -> Figures:
    """Connections that ask much and read nothing; how long the server then takes to stop."""

    async def attack(one: Bed) -> Figures:
        question = get("/openapi.json") * PIPELINED
        held = await _opened(one, scale.connections // 3, question)
        honest = await _honest(one, scale)
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
                asked = (_asked_once(one, _assertion_request(), counts) for _ in range(BURST))
                await asyncio.gather(*asked)
                with suppress(TimeoutError):
                    await asyncio.wait_for(ended.wait(), BURSTS_EVERY)

        async with _silent_server(port):
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
                stream = await _connected(one, ATTACKER)
                while True:
                    counts[await _ask(stream, question())] += 1

    attackers = [asyncio.create_task(attack()) for _ in range(connections)]
    honest = await _honest(one, scale)
    for each in attackers:
        each.cancel()
    await asyncio.wait(attackers)
    return _told(name, honest, counts.total() / scale.run_seconds)


async def _honest(one: Bed, scale: Scale, *, anew: bool = False) -> Counter[int]:
    """Refresh on time; `anew`: on a new connection each time. 0 is no answer."""
    statuses: Counter[int] = Counter()
    until = time.monotonic() + scale.run_seconds

    async def refresh(session: Refreshes) -> None:
        stream: Stream | None = None
        while time.monotonic() < until:
            status = 0
            with suppress(OSError, asyncio.IncompleteReadError, TimeoutError):
                async with asyncio.timeout(PATIENCE):
                    stream = stream or await _connected(one, HONEST)
                    status = await _ask(stream, session.next(), session)
            statuses[status] += 1
            if stream and (anew or not status):
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


async def _ask(stream: Stream, question: bytes, session: Refreshes | None = None) -> int:
    reader, writer = stream
    writer.write(question)
    head = await reader.readuntil(b"\r\n\r\n")
    while head.startswith(b"HTTP/1.1 100 "):
        head = await reader.readuntil(b"\r\n\r\n")
    lines = head.lower().split(b"\r\n")
    (length,) = [int(each[15:]) for each in lines if each.startswith(b"content-length:")]
    body = await reader.readexactly(length)
    status = int(head[9:12])
    if session:
        session.take(status, head + body)
    return status


async def _asked_once(one: Bed, question: bytes, counts: Counter[int]) -> None:
    with suppress(OSError, asyncio.IncompleteReadError):
        stream = await _connected(one, ATTACKER)
        try:
            counts[await _ask(stream, question)] += 1
        finally:
            stream[1].close()


async def _opened(one: Bed, count: int, question: bytes) -> list[Stream]:
    """Connections on which that was asked, and no answer read."""
    held = []
    for _ in range(count):
        with suppress(OSError):
            held.append(await _connected(one, ATTACKER))
            held[-1][1].write(question)
            held[-1][1].transport.pause_reading()  # type: ignore[attr-defined]
    return held


async def _connected(one: Bed, source: tuple[str, int]) -> Stream:
    return await asyncio.open_connection("127.0.0.1", one.server.port, local_addr=source)


@asynccontextmanager
async def _silent_server(port: int) -> AsyncIterator[None]:
    ended = asyncio.Event()

    async def wait(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await ended.wait()
        writer.close()

    async with await asyncio.start_server(wait, "127.0.0.1", port):
        yield
        ended.set()


@contextmanager
def _soft_limit(files: int | None) -> Iterator[None]:
    """Of open files, for what is started meanwhile; None: as many as there may be."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard if files is None else files, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


_numbers = itertools.count()


def _made_up_token() -> str:
    header = {"alg": "RS512", "typ": "JWT", "kid": f"made-up-{next(_numbers)}"}
    return _compact(header, {"sub": "nobody", "aud": "refresh"})


def _assertion_request() -> bytes:
    header = {"alg": "RS256", "typ": "JWT", "kid": f"made-up-{next(_numbers)}"}
    now = int(time.time())
    claims = {
        "iss": "slow",
        "sub": "slow",
        "aud": ISSUER,
        "jti": secrets.token_hex(8),
        "iat": now,
        "exp": now + 60,
    }
    form = {
        "grant_type": "client_credentials",
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "client_assertion": _compact(header, claims),
    }
    return post(TOKEN_PATH, form)


def _compact(header: object, claims: object) -> str:
    parts = (json.dumps(header).encode(), json.dumps(claims).encode(), secrets.token_bytes(256))
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)
