"""`token-server sessions`, as an operator calls it, on a real store."""

import json
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result
from redis import Redis
from support.keys import public_key
from support.operators import parts
from support.reloading import lay_down
from support.valkey import begin_store

from token_server.cli import token_server
from token_server.problems import Problem
from token_server.signing.lifecycle import first_keyset

CLIENTS = """
[[clients]]
client_id = "portal"
token_endpoint_auth_method = "client_secret_basic"
client_secret_sha256 = ["9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"]
scope = "profile invoices:read"
refresh_token_lifetime = "30d"

[[clients]]
client_id = "phone-app"
token_endpoint_auth_method = "none"

[[clients]]
client_id = "strict"
token_endpoint_auth_method = "client_secret_basic"
client_secret_sha256 = ["9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"]
refresh_policy = "rotating"
on_reuse = "refuse"
"""
Sessions = Callable[..., Result]


@pytest.fixture
def sessions(store_socket: Path, tmp_path: Path) -> Sessions:
    """Runs one command in this process."""
    with Redis(unix_socket_path=str(store_socket)) as client:
        begin_store(client)
    (tmp_path / "clients.toml").write_text(CLIENTS)
    keyset = first_keyset(active=public_key(0), pending=public_key(1), now=datetime.now(UTC))
    lay_down(tmp_path / "keys", keyset, 0, 1)
    environment = os.environ | {
        "TOKEN_SERVER_STORE_URL": f"unix://{store_socket}",
        "TOKEN_SERVER_KEYS_DIR": str(tmp_path / "keys"),
        "TOKEN_SERVER_CLIENTS_FILE": str(tmp_path / "clients.toml"),
    }

    def run(*arguments: str, stdin: str = "") -> Result:
        result = CliRunner(env=environment).invoke(
            token_server, ["sessions", *arguments], input=stdin, standalone_mode=False
        )
        if isinstance(result.exception, Problem | click.ClickException):
            raise result.exception
        assert result.exception is None
        return result

    return run


def issued(sessions: Sessions, *options: str) -> dict[str, Any]:
    pair: dict[str, Any] = json.loads(sessions("issue", "alice", *options).stdout)
    return pair


def listed(sessions: Sessions) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(sessions("list", "alice", "--json").stdout)
    return rows


def test_a_session_begins_for_a_registered_client_with_its_policy(sessions: Sessions) -> None:
    pair = issued(sessions, "--client", "portal")
    claims = parts(pair["access_token"])[1]
    assert (claims["client_id"], claims["scope"]) == ("portal", "profile invoices:read")
    told = parts(pair["refresh_token"])[1]
    assert told["exp"] - told["iat"] == timedelta(days=30).total_seconds()


def test_who_is_not_registered_gets_no_session(sessions: Sessions) -> None:
    with pytest.raises(Problem, match="no client of this id"):
        issued(sessions, "--client", "nobody")
    assert listed(sessions) == []


def test_each_session_is_listed_with_its_client_and_policy(sessions: Sessions) -> None:
    issued(sessions)
    issued(sessions, "--client", "portal", "--reusable")
    told = [(row["client_id"], row["refresh_policy"], row["scope"]) for row in listed(sessions)]
    assert told == [(None, "rotating", None), ("portal", "reusable", "profile invoices:read")]
    first, second = sessions("list", "alice").stdout.splitlines()
    assert first.endswith("  rotating")
    assert second.endswith("  reusable  portal")


@pytest.mark.parametrize("client", ["phone-app", "strict"])
def test_a_client_whose_sessions_rotate_gets_no_reusable_one(
    sessions: Sessions, client: str
) -> None:
    with pytest.raises(Problem, match="are rotating"):
        issued(sessions, "--client", client, "--reusable")
    assert listed(sessions) == []


def explained(sessions: Sessions, text: str) -> str:
    told = sessions("explain", stdin=f"{text}\n").stdout
    assert text not in told or len(text) == 22, "it never prints the token"
    return str(told)


def test_explain_tells_what_the_store_knows_of_a_session(sessions: Sessions) -> None:
    issued(sessions, "--client", "portal", "--reusable")
    (row,) = listed(sessions)
    told = explained(sessions, row["sid"])
    assert told.startswith(f"session {row['sid']} of alice: live\n")
    for line in ("client    portal", "policy    reusable", "scope     profile invoices:read"):
        assert line in told
    sessions("end", row["sid"])
    assert ": ended (operator)\n" in explained(sessions, row["sid"])
    assert "the store knows none of this id" in explained(sessions, "A" * 22)


@pytest.mark.parametrize(
    ("options", "outlook"),
    [
        ([], "a new pair: it is the session's current refresh token"),
        (["--reusable"], "a fresh access token, and this refresh token again"),
        (["--client", "portal"], "a new pair: it is the session's current refresh token"),
    ],
    ids=["anonymous", "reusable", "a client's"],
)
def test_explain_says_what_a_refresh_token_would_lead_to_and_changes_nothing(
    sessions: Sessions, options: list[str], outlook: str
) -> None:
    token = issued(sessions, *options)["refresh_token"]
    before = listed(sessions)
    for _ in range(2):
        assert f"if its client showed it now: {outlook}\n" in explained(sessions, token)
    assert listed(sessions) == before


def test_explain_knows_a_live_access_token_from_a_dead_one(sessions: Sessions) -> None:
    token = issued(sessions)["access_token"]
    assert "if it were shown now: it is good\n" in explained(sessions, token)
    sessions("end", listed(sessions)[0]["sid"])
    told = explained(sessions, token)
    assert "if it were shown: refused, session_ended (operator)\n" in told
    header, claims, _ = token.split(".")
    told = explained(sessions, f"{header}.{claims}.{'A' * 342}")
    assert "if it were shown: refused, token_forged\n" in told
    assert "no token of ours: token_malformed" in explained(sessions, "a.b.c")


def test_explain_says_that_a_client_is_not_registered_any_more(
    sessions: Sessions, tmp_path: Path
) -> None:
    token = issued(sessions, "--client", "portal")["refresh_token"]
    (tmp_path / "clients.toml").write_text("")
    assert "its client is not registered any more" in explained(sessions, token)


def test_explain_wants_something_to_explain(sessions: Sessions) -> None:
    with pytest.raises(click.UsageError):
        sessions("explain", stdin=" \n")
