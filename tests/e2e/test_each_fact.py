"""Each fact of the audit log is one line with its ids; one without a scene fails the last test."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from redis import Redis
from redis.asyncio import Redis as AsyncRedis
from support.client_desk import BILLING
from support.command_facts import COMMANDS, Ids, Shell
from support.forms import PATH, log_in, refresh, tokens
from support.processes import wait_until
from support.rule_book import PORTAL, RuleBook, claims_of, open_rule_book
from support.server import Server
from support.valkey import begin_store

from token_server.tokens.clients import Asked
from token_server.tokens.model import TokenPair
from token_server.tokens.ports import Fact

pytestmark = pytest.mark.anyio
FRAME = {"audit", "at", "event", "dialect", "spelling", "peer", "trace_id"}
"""What stands in every line, or says how the server was spoken to."""


def named(case: object) -> str:
    return case if isinstance(case, Fact) else ""


def ids_in(lines: list[dict[str, Any]], fact: Fact) -> Ids:
    """Those of the one line of that fact."""
    (line,) = (line for line in lines if line["event"] == fact)
    return {name: value for name, value in line.items() if name not in FRAME}


# What the rules record.


async def begun(book: RuleBook) -> Ids:
    return ids_of(await book.issue(client=PORTAL))


async def rotated(book: RuleBook) -> Ids:
    first = await book.issue()
    return ids_of(await book.rules.refresh(first.refresh_token))


async def rolled_forward(book: RuleBook) -> Ids:
    first = await book.issue()
    key = f"{{alice}}:session:{first.session.sid}"
    before = await book.redis.dump(key) or b""
    second = await book.rules.refresh(first.refresh_token)
    await book.redis.restore(key, 0, before, replace=True)
    return ids_of(await book.rules.refresh(second.refresh_token))


async def repeated(book: RuleBook) -> Ids:
    first = await book.issue()
    await book.rules.refresh(first.refresh_token)
    return ids_of(await book.rules.refresh(first.refresh_token))


async def recovered(book: RuleBook) -> Ids:
    first = await book.issue()
    await book.rules.refresh(first.refresh_token)
    book.clock.move(hours=1)
    return ids_of(await book.rules.refresh(first.refresh_token))


async def kept(book: RuleBook) -> Ids:
    first = await book.issue(reusable=True)
    return ids_of(await book.rules.refresh(first.refresh_token))


async def logged_out(book: RuleBook) -> Ids:
    pair = await book.issue()
    await book.rules.log_out(pair.access_token)
    return {"sid": pair.session.sid, "sub": "alice", "because": "logout"}


async def session_revoked(book: RuleBook) -> Ids:
    pair = await book.issue()
    await book.rules.revoke(pair.refresh_token, client=None)
    return {"sid": pair.session.sid, "sub": "alice", "because": "revoked"}


async def issued(book: RuleBook) -> Ids:
    token = (await book.rules.client_credentials(BILLING, Asked())).access_token
    return {"sub": "billing", "client_id": "billing", "token_id": claims_of(token)["jti"]}


async def exchanged(book: RuleBook) -> Ids:
    pair = await book.issue(client=BILLING)
    token = (await book.rules.exchange(BILLING, pair.access_token, Asked())).access_token
    ids = {"sub": "alice", "sid": pair.session.sid, "client_id": "billing"}
    origin = claims_of(pair.access_token)["jti"]
    return {**ids, "token_id": claims_of(token)["jti"], "origin": origin}


async def access_token_revoked(book: RuleBook) -> Ids:
    token = (await book.rules.client_credentials(BILLING, Asked())).access_token
    await book.rules.revoke(token, client=BILLING)
    return {"sub": "billing", "client_id": "billing", "token_id": claims_of(token)["jti"]}


RULES: list[tuple[Fact, Callable[[RuleBook], Awaitable[Ids]]]] = [
    (Fact.SESSION_BEGUN, begun),
    (Fact.ROTATED, rotated),
    (Fact.ROLLED_FORWARD, rolled_forward),
    (Fact.REPEATED, repeated),
    (Fact.RECOVERED, recovered),
    (Fact.KEPT, kept),
    (Fact.SESSION_ENDED, logged_out),
    (Fact.SESSION_ENDED, session_revoked),
    (Fact.ACCESS_TOKEN_ISSUED, issued),
    (Fact.ACCESS_TOKEN_EXCHANGED, exchanged),
    (Fact.ACCESS_TOKEN_REVOKED, access_token_revoked),
]


def ids_of(pair: TokenPair) -> Ids:
    session = pair.session
    told = {"sid": session.sid, "sub": session.subject, "generation": session.generation}
    client = {"client_id": session.client_id} if session.client_id else {}
    return {**told, "kid": session.kid, **client}


@pytest.mark.parametrize(("fact", "scene"), RULES, ids=named)
async def test_what_the_rules_do_is_one_line_with_its_ids(
    redis: AsyncRedis, fact: Fact, scene: Callable[[RuleBook], Awaitable[Ids]]
) -> None:
    book = await open_rule_book(redis)
    ids = await scene(book)
    assert ids_in([*map(json.loads, book.audit_lines.getvalue().split())], fact) == ids


# What an endpoint records.


@dataclass
class Visit:
    """A client of a whole server."""

    server: Server
    client: httpx.Client


def logged_in(visit: Visit) -> Ids:
    tokens(log_in(visit.client, "comes in", visit.server.user("comes in")))
    return {"sub": "comes in"}


def reused(visit: Visit) -> Ids:
    pair = visit.server.pair("reuses")
    second = tokens(refresh(visit.client, pair.refresh_token))
    tokens(refresh(visit.client, second["refresh_token"]))
    assert refresh(visit.client, pair.refresh_token).status_code == 401
    ids = {"sid": pair.session.sid, "sub": "reuses", "reason": "token_reused"}
    return {**ids, "token_id": claims_of(pair.refresh_token)["token_id"]}


def refused(visit: Visit) -> Ids:
    refresh(visit.client, "x.y.z")
    return {"reason": "token_malformed"}


def malformed(visit: Visit) -> Ids:
    visit.client.post(PATH, data={"grant_type": "refresh_token"})
    return {"reason": "request_malformed", "fault": "The refresh token is missing."}


ENDPOINTS: list[tuple[Fact, Callable[[Visit], Ids]]] = [
    (Fact.LOGGED_IN, logged_in),
    (Fact.REUSED, reused),
    (Fact.REFUSED, refused),
    (Fact.REFUSED, malformed),
]


@pytest.mark.parametrize(("fact", "scene"), ENDPOINTS, ids=named)
def test_what_an_endpoint_does_is_one_line_with_its_ids(
    server: Server, client: httpx.Client, fact: Fact, scene: Callable[[Visit], Ids]
) -> None:
    before = len(server.audit())
    ids = scene(Visit(server, client))
    wait_until(lambda: any(line["event"] == fact for line in server.audit()[before:]))
    assert ids_in(server.audit()[before:], fact) == ids


# What a command records.


@pytest.mark.parametrize(("fact", "scene"), COMMANDS, ids=named)
def test_what_a_command_does_is_one_line_with_its_ids(
    store_socket: Path, tmp_path: Path, fact: Fact, scene: Callable[[Shell], Ids]
) -> None:
    with Redis(unix_socket_path=str(store_socket)) as client:
        begin_store(client)
    settings = {"STORE_URL": f"unix://{store_socket}", "KEYS_DIR": str(tmp_path / "keys")}
    environment = {f"TOKEN_SERVER_{name}": value for name, value in settings.items()}
    shell = Shell(environment, tmp_path / "keys")
    ids = scene(shell)
    assert ids_in(shell.lines, fact) == ids


def test_each_fact_has_a_scene() -> None:
    assert {fact for fact, _ in [*RULES, *ENDPOINTS, *COMMANDS]} == {*Fact}
