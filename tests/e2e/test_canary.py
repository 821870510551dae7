"""Secrets stay where they belong: sent and answered 10,000 times, and written down nowhere."""

import asyncio
import itertools
import random
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

from support import hostile
from support.fast_client import Answer, FastClient, fast_clients
from support.server import Server, children_of

REQUESTS = 10_000
AT_ONCE = 32
# Whatever looks like a token is one too many.
TOKEN = re.compile(rb"eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}")
LONG_TEXT = re.compile(rb"[A-Za-z0-9_+/-]{60,}")


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
    own_server: Callable[..., AbstractContextManager[Server]],
) -> None:
    with own_server() as server:
        password = server.user("alice")
        sent = asyncio.run(_send_everything(server, password))
        sent.secrets.add(password.encode())
        sent.secrets.update(_key_texts(server))
        haystack = b"\n".join([*_written(server), *_arguments(server), *sent.error_bodies])
    assert len(sent.error_bodies) > REQUESTS / 4
    assert len(haystack) > 1_000_000
    assert not TOKEN.search(haystack)
    assert password.encode() not in haystack
    found = set(LONG_TEXT.findall(haystack))
    assert not found & {secret for secret in sent.secrets if len(secret) >= 60}
    assert b"PRIVATE KEY" not in haystack


async def _send_everything(server: Server, password: str) -> Sent:
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
        lives = [
            _life(client, pair.refresh_token, _other_requests(bad_tokens, password), sent)
            for client, pair in zip(clients, pairs, strict=True)
        ]
        await asyncio.gather(*lives)
    return sent


def _other_requests(bad_tokens: list[str], password: str) -> Iterator[dict[str, str]]:
    """Endless requests that are no refresh of a live token; some are log-ins."""
    for number in itertools.count():
        yield {"grant_type": "refresh_token", "refresh_token": random.choice(bad_tokens)}
        yield {"grantType": "RefreshToken", "refreshToken": random.choice(bad_tokens)}
        yield {"grantType": "Password", "password": password, "refreshToken": bad_tokens[0]}
        if number == 0:
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


def _written(server: Server) -> Iterator[bytes]:
    """Logs, the audit log, the store's files: all that lies below the server's folder."""
    for path in server.folder.rglob("*"):
        if path.is_file() and path.parent.name != "keys":
            yield path.read_bytes()


def _arguments(server: Server) -> Iterator[bytes]:
    """What `ps` shows of every process of the server, its environment included."""
    assert server.process is not None
    for pid in [server.process.pid, *children_of(server.process.pid)]:
        for name in ("cmdline", "environ"):
            yield Path(f"/proc/{pid}/{name}").read_bytes()


def _key_texts(server: Server) -> Iterator[bytes]:
    for path in (server.folder / "keys").glob("*.pem"):
        yield from (line for line in path.read_bytes().splitlines() if len(line) == 64)
