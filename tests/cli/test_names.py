"""Names in commands: compared as at log-in, and never shared by an account and a client."""

import asyncio
import json
import unicodedata
from pathlib import Path

import pytest
from redis import Redis
from structlog.testing import capture_logs
from support.users import Run, wide

from token_server.app.names import report_names
from token_server.problems import Problem
from token_server.settings import load_settings

TYPED, OTHER = "correct horse\n", "battery staple\n"
NFC, NFD = "José", unicodedata.normalize("NFD", "José")
CLIENTS = """
[[clients]]
client_id = "portal"
token_endpoint_auth_method = "none"
"""


@pytest.fixture
def registered(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "clients.toml").write_text(CLIENTS)
    monkeypatch.setenv("TOKEN_SERVER_CLIENTS_FILE", str(tmp_path / "clients.toml"))


def names_of(command: Run) -> list[str]:
    return [row["name"] for row in json.loads(command("users", "list", "--json").stdout)]


@pytest.mark.parametrize("typed", [NFC, NFD, f" {NFC} ", wide("Jos") + "é"])
def test_a_new_account_has_its_name_in_one_form(command: Run, typed: str) -> None:
    assert command("users", "add", typed, stdin=TYPED).stderr.endswith(f"added {NFC}\n")
    assert names_of(command) == [NFC]
    for again in (NFC, NFD):
        with pytest.raises(Problem, match=f"an account named {NFC} exists already"):
            command("users", "add", again, stdin=TYPED)


@pytest.mark.parametrize("typed", ["😀", "ﬁ", "a²"])
def test_a_name_that_looks_like_another_is_refused(command: Run, typed: str) -> None:
    with pytest.raises(Problem, match="no name of an account"):
        command("users", "add", typed, stdin=TYPED)
    assert names_of(command) == []


def test_every_command_finds_the_account_by_any_spelling(command: Run) -> None:
    command("users", "add", NFC, stdin=TYPED)
    command("sessions", "issue", NFD)
    assert len(json.loads(command("sessions", "list", NFD, "--json").stdout)) == 1
    ended = command("sessions", "end", "--all", f"{NFD} ")
    assert ended.stderr.splitlines()[-1] == f"ended 1 session of {NFC}"
    for verb in ("disable", "enable", "passwd", "remove"):
        assert NFC in command("users", verb, NFD, stdin=OTHER).stderr.splitlines()[-1]
    assert names_of(command) == []


def test_an_account_from_before_is_found_by_its_exact_name(command: Run, store: Redis) -> None:
    command("users", "add", NFC, stdin=TYPED)
    store.copy(f"{{{NFC}}}:account", f"{{{NFD}}}:account")
    store.sadd("token-server:accounts", NFD)
    command("users", "disable", NFD)
    rows = json.loads(command("users", "list", "--json").stdout)
    assert {row["name"]: row["disabled"] for row in rows} == {NFC: False, NFD: True}


@pytest.mark.usefixtures("registered")
@pytest.mark.parametrize("typed", ["portal", wide("portal"), " portal"])
def test_an_account_may_not_have_the_name_of_a_client(command: Run, typed: str) -> None:
    with pytest.raises(Problem, match="is the client_id of a registered client"):
        command("users", "add", typed, stdin=TYPED)
    with pytest.raises(Problem, match="is the client_id of a registered client"):
        command("sessions", "issue", typed)
    assert names_of(command) == []


def test_a_client_may_not_have_the_name_of_an_account(
    command: Run, request: pytest.FixtureRequest
) -> None:
    command("users", "add", "portal", stdin=TYPED)
    request.getfixturevalue("registered")
    with pytest.raises(Problem, match="the client portal has the name of an account"):
        command("clients", "check")
    command("users", "remove", "portal")
    assert command("clients", "check").stdout.startswith("the clients file is good")


@pytest.mark.usefixtures("registered")
def test_clients_are_checked_where_the_store_is_away(command: Run, tmp_path: Path) -> None:
    told = command("clients", "check", STORE_URL=f"unix://{tmp_path}/none")
    assert told.stdout.startswith("the clients file is good")
    assert "names of accounts were not compared" in told.stderr


@pytest.mark.anyio
async def test_a_start_reports_names_that_are_alike(
    command: Run, store: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    await asyncio.to_thread(command, "users", "add", NFC, stdin=TYPED)
    for name in (NFD, "portal"):
        store.copy(f"{{{NFC}}}:account", f"{{{name}}}:account")
        store.sadd("token-server:accounts", name)
    for name, value in command.settings.items():
        monkeypatch.setenv(name, value)
    with capture_logs() as lines:
        await report_names(load_settings(), ["portal", "other"])
    alike, shared = lines
    assert (alike["log_level"], alike["accounts"]) == ("warning", sorted([NFC, NFD]))
    assert shared["log_level"] == "error"
    assert shared["event"] == "the client portal has the name of an account"
