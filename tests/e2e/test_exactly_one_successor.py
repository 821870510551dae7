"""Promise 1 over real sockets, two workers: one successor, and a retry answers the same bytes."""

import asyncio
import random

import httpx
from support.forms import log_out, refresh, refresh_async, tokens
from support.server import Server

PARALLEL = 200
CUT_CONNECTIONS = 500


def test_200_parallel_refreshes_of_one_token_get_one_body_and_leave_one_live_successor(
    server: Server, client: httpx.Client
) -> None:
    pair = server.pair("parallel")
    answers = asyncio.run(_at_once(server, pair["refresh_token"]))
    assert {answer.status_code for answer in answers} == {200}
    bodies = {answer.content for answer in answers}
    assert len(bodies) == 1

    successor = tokens(answers[0])
    current = tokens(refresh(client, successor["refresh_token"]))
    assert refresh(client, pair["refresh_token"]).status_code == 401
    for dead in (pair, successor, current):
        assert refresh(client, dead["refresh_token"]).status_code == 401
        assert log_out(client, dead["access_token"]).status_code == 401


async def _at_once(server: Server, token: str) -> list[httpx.Response]:
    limits = httpx.Limits(max_connections=PARALLEL)
    async with httpx.AsyncClient(base_url=server.url, limits=limits, timeout=60) as client:
        asked = [refresh_async(client, token) for _ in range(PARALLEL)]
        return await asyncio.gather(*asked)


def test_a_client_that_hangs_up_at_any_moment_and_asks_again_is_answered_and_stays_logged_in(
    server: Server, client: httpx.Client
) -> None:
    """Byte-identical, where the first answer was also seen."""
    token = server.pair("cut off")["refresh_token"]
    seen = 0
    for _ in range(CUT_CONNECTIONS):
        cut = asyncio.run(_cut_connection(server, token, random.random() * 0.004))
        again = refresh(client, token)
        assert again.status_code == 200
        if cut is not None:
            seen += 1
            assert cut == again.content
        token = again.json()["refresh_token"]
    assert 0 < seen < CUT_CONNECTIONS


async def _cut_connection(server: Server, token: str, seconds: float) -> bytes | None:
    """Send a refresh and hang up; the answer's body, if all of it came before that."""
    body = f"grantType=RefreshToken&refreshToken={token}"
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    try:
        writer.write(
            (
                f"POST /api/oauth2/token HTTP/1.1\r\nHost: {server.url}\r\nConnection: close\r\n"
                "Content-Type: application/x-www-form-urlencoded\r\n"
                f"Content-Length: {len(body)}\r\n\r\n{body}"
            ).encode()
        )
        async with asyncio.timeout(seconds):
            head, _, answered = (await reader.read()).partition(b"\r\n\r\n")
    except TimeoutError:
        return None
    else:
        return answered if head.startswith(b"HTTP/1.1 200") else None
    finally:
        writer.transport.abort()


def test_a_repeat_is_the_same_whichever_worker_answers(server: Server) -> None:
    """Each connection may reach another worker."""
    token = server.pair("any worker")["refresh_token"]
    bodies = set()
    for _ in range(8):
        with httpx.Client(base_url=server.url) as fresh_connection:
            bodies.add(refresh(fresh_connection, token).content)
    assert len(bodies) == 1
