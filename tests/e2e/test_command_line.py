"""The command line beside a running server, and without one."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path

import httpx
from support.forms import log_in, log_out, refresh, tokens
from support.server import Server, running_server


def test_sessions_are_begun_listed_and_ended(server: Server, client: httpx.Client) -> None:
    first, second = server.pair("listed"), server.issued("listed", "--short-term")
    rows = json.loads(server.cli("sessions", "list", "listed", "--json"))
    assert [row["short_term"] for row in rows] == [False, True]
    server.cli("sessions", "end", rows[0]["sid"])
    assert refresh(client, first.refresh_token).status_code == 401
    assert refresh(client, second["refresh_token"]).status_code == 200
    (left,) = server.cli("sessions", "list", "listed").splitlines()
    assert left.startswith(f"{rows[1]['sid']} ")
    server.cli("sessions", "end", "--all", "listed")
    assert refresh(client, second["refresh_token"]).status_code == 401
    assert json.loads(server.cli("sessions", "list", "listed", "--json")) == []


def test_sessions_issue_prints_the_camel_answer(server: Server) -> None:
    assert list(server.issued()) == [
        *("access_token", "refresh_token", "accessTokenExpiresAt", "refreshTokenExpiresAt"),
        *("accessToken", "refreshToken", "token_type", "expires_in"),
    ]


def test_an_account_logs_in_until_it_is_disabled(server: Server, client: httpx.Client) -> None:
    server.cli("users", "add", "carol", stdin="first password\n")
    pair = tokens(log_in(client, "carol", "first password"))
    server.cli("users", "passwd", "carol", stdin="second password\n")
    assert log_in(client, "carol", "first password").status_code == 401
    tokens(log_in(client, "carol", "second password"))
    server.cli("users", "disable", "carol")
    assert log_in(client, "carol", "second password").status_code == 401
    assert log_out(client, pair["access_token"]).status_code == 401
    assert server.run("sessions", "issue", "carol").returncode == 1


def stopped_server(folder: Path) -> Server:
    """One that has served once: commands make no store of their own."""
    with running_server(folder) as server:
        pass
    return server


def test_the_command_line_starts_the_store_for_itself_where_no_server_runs(
    tmp_path: Path, own_server: Callable[..., AbstractContextManager[Server]]
) -> None:
    alone = stopped_server(tmp_path)
    pair = alone.issued("early")
    password = alone.user("early")
    with own_server() as server, httpx.Client(base_url=server.url, timeout=10) as client:
        tokens(refresh(client, pair["refresh_token"]))
        tokens(log_in(client, "early", password))


def test_the_demo_shows_a_whole_session(server: Server) -> None:
    lines = server.cli("demo").splitlines()
    assert [line.split()[0] for line in lines if line[0] != " "] == [
        *("200", "200", "200", "200", "401", "401", "200"),
    ]
    assert "   the same bytes" in lines
    assert any(line.startswith("   verified: demo-") for line in lines)


def test_the_demo_says_so_where_no_server_runs(tmp_path: Path) -> None:
    told = Server(tmp_path).run("demo").stderr
    assert told.startswith("error: nothing answers at ")


def test_commands_side_by_side_share_the_store_that_one_of_them_started(tmp_path: Path) -> None:
    alone = stopped_server(tmp_path)
    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(lambda n: alone.run("sessions", "issue", f"s{n}"), range(8)))
    assert [one.returncode for one in done] == [0] * 8, [one.stderr for one in done]
