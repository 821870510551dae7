"""Secrets stay where they belong: sent and answered 10,000 times, and written down nowhere."""

import asyncio
import itertools
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from random import Random

import pytest
from support import hostile
from support.fast_client import Answer, FastClient, fast_clients
from support.leaks import SHOWS, TOKEN, leaks, written
from support.processes import environments, processes
from support.profiles import often
from support.server import Server

REQUESTS = often(2000)
AT_ONCE = 32
# A log-in costs what fifty refreshes cost.
LOG_IN = 4


@dataclass
class Sent:
    """What must be found nowhere, and the error bodies it might be found in."""

    secrets: set[bytes] = field(default_factory=set)
    error_bodies: list[bytes] = field(default_factory=list)

    def keep(self, answer: Answer) -> None:
        if answer.status != 200:
            self.error_bodies.append(answer.body)
            return
        for name in ("access_token", "refresh_token"):
            self.secrets.update(answer.json()[name].encode().split(b".")[1:])


def test_no_token_password_or_key_is_written_anywhere(
    own_server: Callable[..., AbstractContextManager[Server]], dice: Random
) -> None:
    with own_server() as server:
        password = server.user("alice")
        sent = asyncio.run(_send_everything(server, password, dice))
        sent.secrets.add(password.encode())
        sent.secrets.update(_key_texts(server))
        haystack = b"\n".join([*written(server.folder), *_shown_by_ps(server), *sent.error_bodies])
    assert len(sent.error_bodies) > REQUESTS / 4
    assert len(haystack) > 1_000_000
    # One is too many.
    assert not TOKEN.search(haystack)
    assert password.encode() not in haystack
    assert not leaks(sent.secrets, haystack)
    assert b"PRIVATE KEY" not in haystack


@pytest.mark.parametrize("begins", [0, 1, 19, 20, 21, 60])
def test_a_part_of_a_secret_is_found_wherever_it_was_cut_out_and_whatever_it_is_glued_to(
    begins: int,
) -> None:
    secret = urlsafe_b64encode(bytes(range(90)))
    run = b"sid" + secret[begins : begins + SHOWS] + b"0"
    assert leaks({b"-" * 99, secret}, b"before:" + run + b". after") == [run]
    assert not leaks({secret}, run[::-1])


async def _send_everything(server: Server, password: str, dice: Random) -> Sent:
    sent = Sent()
    pairs = await server.pairs("alice", AT_ONCE)
    for pair in pairs:
        sent.secrets.update(pair.refresh_token.encode().split(b".")[1:])
    first = pairs[0]
    hostile_tokens = hostile.tokens(
        first.access_token, first.refresh_token, server.folder / "keys"
    )
    bad_tokens = [token.encode("utf-8", "replace").decode() for token in hostile_tokens]
    async with fast_clients(server.port, AT_ONCE) as clients:
        lives = []
        for number, (client, pair) in enumerate(zip(clients, pairs, strict=True)):
            others = _other_requests(bad_tokens, password, Random(dice.random()))
            if number < LOG_IN:
                others = itertools.chain(_log_ins(password), others)
            lives.append(_life(client, pair.refresh_token, others, sent))
        await asyncio.gather(*lives)
    return sent


def _other_requests(
    bad_tokens: list[str], password: str, dice: Random
) -> Iterator[dict[str, str]]:
    """Endless requests that are no refresh of a live token."""
    while True:
        yield {"grant_type": "refresh_token", "refresh_token": dice.choice(bad_tokens)}
        yield {"grantType": "RefreshToken", "refreshToken": dice.choice(bad_tokens)}
        yield {"grantType": "Password", "password": password, "refreshToken": bad_tokens[0]}


def _log_ins(password: str) -> Iterator[dict[str, str]]:
    yield {"grantType": "Password", "userName": "alice", "password": password}
    yield {"grantType": "Password", "userName": password, "password": "wrong"}


async def _life(
    client: FastClient, token: str, others: Iterator[dict[str, str]], sent: Sent
) -> None:
    """A client that refreshes, loses every tenth answer, and sends other things in between."""
    for number in range(REQUESTS // AT_ONCE):
        if number % 2:
            sent.keep(await client.ask(next(others)))
            continue
        answer = await client.refresh(token)
        sent.keep(answer)
        token = token if number % 20 == 0 else answer.json()["refresh_token"]
    sent.keep(await client.refresh(token))
    sent.keep(await client.log_out(answer.json()["access_token"]))


def _shown_by_ps(server: Server) -> Iterator[bytes]:
    """Of every process of the server, its environment included."""
    assert server.process is not None
    pids = [server.process.pid, *server.children()]
    yield from (each.command_line.encode() for each in processes() if each.pid in pids)
    yield from environments(pids)


def _key_texts(server: Server) -> Iterator[bytes]:
    for path in (server.folder / "keys").glob("*.pem"):
        yield from (line for line in path.read_bytes().splitlines() if len(line) == 64)
