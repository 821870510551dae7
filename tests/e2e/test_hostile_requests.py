"""Bad input gets the refusal of the table: never a 500, and nothing is accepted or lost."""

import random
from collections import Counter

import httpx
from support import hostile
from support.forms import PATH, log_out, refresh, tokens
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


def test_a_refresh_token_logs_nobody_out(server: Server, client: httpx.Client) -> None:
    pair = server.pair("victim")
    assert log_out(client, pair.refresh_token).status_code == 401
    tokens(refresh(client, pair.refresh_token))


def _sent(token: str) -> str:
    return token.encode("utf-8", "replace").decode()
