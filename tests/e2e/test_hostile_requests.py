"""Bad input gets the refusal of the table: never a 500, and nothing is accepted or lost."""

import json
import random
import socket
from collections import Counter

import httpx
from support import hostile
from support.forms import PATH, log_out, refresh, tokens
from support.raw_http import connect, rest_of
from support.server import Server

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
AT_LEAST = 200


def test_hostile_requests_are_refused_and_do_no_harm(server: Server, client: httpx.Client) -> None:
    pair = server.pair("victim")
    statuses: Counter[int] = Counter()
    keys_dir = server.folder / "keys"
    for token in hostile.tokens(pair.access_token, pair.refresh_token, keys_dir):
        # A text that UTF-8 cannot write travels as the bytes that a broken client would send.
        form = f"grantType=RefreshToken&refreshToken={httpx.QueryParams({'t': _sent(token)})}"
        answer = client.post(PATH, content=form.replace("=t=", "=", 1), headers=FORM)
        statuses[answer.status_code] += 1
        assert answer.status_code in {400, 401, 413}, token[:300]
        assert answer.headers["Cache-Control"] == "no-store"
    for body in hostile.bodies(pair.refresh_token, random.Random(7)):
        answer = client.post(PATH, content=body, headers=FORM)
        statuses[answer.status_code] += 1
        assert answer.status_code in {400, 401, 413}, body[:300]
    assert statuses.total() >= AT_LEAST
    tokens(refresh(client, pair.refresh_token))


def test_mutated_pipelines_leave_nothing_but_json_lines_in_the_log(
    server: Server, client: httpx.Client
) -> None:
    before = server.err
    for stream in hostile.pipelines(random.Random(7), 100):
        with connect(server.port) as connection:
            connection.sendall(stream)
            connection.shutdown(socket.SHUT_WR)
            rest_of(connection)
    assert client.get("/livez").status_code == 200
    logged = [json.loads(line) for line in server.err.removeprefix(before).splitlines()]
    assert not [line for line in logged if line["level"] == "error" or "traceback" in line]


def test_a_refresh_token_logs_nobody_out(server: Server, client: httpx.Client) -> None:
    pair = server.pair("victim")
    assert log_out(client, pair.refresh_token).status_code == 401
    tokens(refresh(client, pair.refresh_token))


def _sent(token: str) -> str:
    return token.encode("utf-8", "replace").decode()
