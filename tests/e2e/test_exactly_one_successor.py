"""Promise 1 over real sockets, two workers: one successor, and a retry answers the same bytes."""

import asyncio
import select
import socket
import time
from random import Random
from statistics import median

import httpx
from support.fast_client import Answer, fast_clients
from support.forms import PATH, log_out, refresh
from support.processes import PATIENCE
from support.profiles import often
from support.server import Server

PARALLEL = 200
CUT_CONNECTIONS = often(150)


def test_200_parallel_refreshes_of_one_token_get_one_body_and_leave_one_live_successor(
    server: Server, client: httpx.Client
) -> None:
    pair = server.pair("parallel")
    answers = asyncio.run(_at_once(server, pair.refresh_token, PARALLEL))
    assert [answer.status for answer in answers] == [200] * PARALLEL
    assert len({answer.body for answer in answers}) == 1

    successor = answers[0].json()
    current = refresh(client, successor["refresh_token"]).json()
    assert refresh(client, pair.refresh_token).status_code == 401
    dead = [
        (pair.refresh_token, pair.access_token),
        *((each["refresh_token"], each["access_token"]) for each in (successor, current)),
    ]
    for refresh_token, access_token in dead:
        assert refresh(client, refresh_token).status_code == 401
        assert log_out(client, access_token).status_code == 401


def test_a_repeat_is_the_same_whichever_worker_answers(server: Server) -> None:
    """Each connection may reach another worker."""
    token = server.pair("any worker").refresh_token
    first, *others = [asyncio.run(_at_once(server, token, 1))[0].body for _ in range(8)]
    assert first
    assert set(others) == {first}


async def _at_once(server: Server, token: str, count: int) -> list[Answer]:
    """Over that many connections."""
    async with fast_clients(server.port, count) as clients:
        return await asyncio.gather(*(client.refresh(token) for client in clients))


def test_a_client_that_hangs_up_at_any_moment_and_asks_again_is_answered_and_stays_logged_in(
    server: Server, client: httpx.Client, dice: Random
) -> None:
    """Byte-identical, where the first answer was also seen."""
    usual = _usual_seconds(server)
    token = server.pair("cut off").refresh_token
    seen = 0
    for _ in range(CUT_CONNECTIONS):
        cut = _refresh_and_hang_up(server, token, after=dice.uniform(0, 2 * usual))
        again = refresh(client, token)
        assert again.status_code == 200
        if cut is not None:
            seen += 1
            assert cut == again.content
        token = again.json()["refresh_token"]
    # Else it did not hang up at any moment.
    assert 0 < seen < CUT_CONNECTIONS


def _usual_seconds(server: Server) -> float:
    """What this machine takes for a refresh today."""
    taken = []
    for pair in asyncio.run(server.pairs("timed", 25)):
        began = time.perf_counter()
        assert _refresh_and_hang_up(server, pair.refresh_token, after=PATIENCE) is not None
        taken.append(time.perf_counter() - began)
    return median(taken)


def _refresh_and_hang_up(server: Server, token: str, *, after: float) -> bytes | None:
    """The answer's body, if all of it came before that."""
    form = f"grantType=RefreshToken&refreshToken={token}"
    request = (
        f"POST {PATH} HTTP/1.1\r\nHost: server\r\nConnection: close\r\n"
        "Content-Type: application/x-www-form-urlencoded\r\n"
        f"Content-Length: {len(form)}\r\n\r\n{form}"
    )
    received = b""
    with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE) as connection:
        connection.sendall(request.encode())
        until = time.perf_counter() + after
        while select.select([connection], [], [], max(0, until - time.perf_counter()))[0]:
            part = connection.recv(65536)
            if not part:
                head, _, body = received.partition(b"\r\n\r\n")
                assert head.startswith(b"HTTP/1.1 200 "), head
                return body
            received += part
    return None
