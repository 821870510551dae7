"""The audit log: one line per security fact, with its true reason, and ids only."""

from typing import Any

import httpx
import pytest
from support.forms import log_in, log_out, refresh, tokens
from support.server import Server


def facts_of(server: Server, subject: str) -> list[dict[str, Any]]:
    return [line for line in server.audit() if line.get("sub") == subject]


def test_each_fact_of_a_session_is_one_line(server: Server, client: httpx.Client) -> None:
    password = server.user("audited")
    first = tokens(log_in(client, "audited", password))
    second = tokens(refresh(client, first["refresh_token"]))
    refresh(client, first["refresh_token"])
    third = tokens(refresh(client, second["refresh_token"]))
    refresh(client, first["refresh_token"])
    refresh(client, third["refresh_token"])
    again = tokens(log_in(client, "audited", password))
    log_out(client, again["access_token"])
    log_out(client, again["access_token"])
    log_in(client, "audited", "wrong")
    told = [(line["event"], line.get("reason")) for line in facts_of(server, "audited")]
    assert told == [
        ("logged_in", None),
        ("session_begun", None),
        ("rotated", None),
        ("repeated", None),
        ("rotated", None),
        ("reused", "token_reused"),
        ("refused", "session_ended"),
        ("logged_in", None),
        ("session_begun", None),
        ("session_ended", None),
        # A repeat of the same log-out: its first answer may have been lost.
        ("session_ended", None),
        ("refused", "password_wrong"),
    ]


def test_a_line_says_who_when_whence_and_how(server: Server, client: httpx.Client) -> None:
    tokens(refresh(client, server.pair("whence").refresh_token))
    (line,) = facts_of(server, "whence")
    assert set(line) == {
        *(
            "audit",
            "at",
            "event",
            "sub",
            "sid",
            "generation",
            "kid",
            "dialect",
            "spelling",
            "peer",
        ),
    }
    assert (line["peer"], line["spelling"], line["generation"]) == ("127.0.0.1", "camel", 1)


@pytest.mark.parametrize(("source", "peer"), [("127.0.0.2", "192.0.2.7"), ("127.0.0.3", None)])
def test_peer_is_the_client_behind_a_trusted_proxy(
    server: Server, source: str, peer: str | None
) -> None:
    transport = httpx.HTTPTransport(local_address=source)
    headers = {"X-Forwarded-For": "198.51.100.9, 192.0.2.7"}
    with httpx.Client(base_url=server.url, transport=transport, headers=headers) as client:
        tokens(refresh(client, server.pair(f"from {source}").refresh_token))
    (line,) = facts_of(server, f"from {source}")
    assert line["peer"] == (peer or source)


def test_a_refused_token_that_concerns_nobody_is_a_line_too(
    server: Server, client: httpx.Client
) -> None:
    refresh(client, "x.y.z")
    last = server.audit()[-1]
    assert (last["event"], last["reason"]) == ("refused", "token_malformed")


def test_the_keys_made_at_the_first_start_are_lines(server: Server) -> None:
    made = [line["kid"] for line in server.audit() if line["event"] == "key_made"]
    assert len(made) == 2


def test_a_change_of_an_account_is_a_line_on_the_commands_stderr(server: Server) -> None:
    added = server.run("users", "add", "changed", "--generate")
    assert '"event":"account_added"' in added.stderr
    assert "account_added" not in added.stdout
