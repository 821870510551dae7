"""`token-server clients`, and what the other commands say of a clients file."""

import json
from pathlib import Path

import pytest
from support.desk import FILE, SECRETS, sha256
from support.shell import Shell

from token_server.app.preparing import prepare
from token_server.problems import Problem
from token_server.settings import Settings

BAD = '[[clients]]\nclient_id = "c"\ntoken_endpoint_auth_method = "nobody"\nscpoe = "a"\n'


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "clients.toml"
    path.write_text(FILE, "utf-8")
    return path


@pytest.mark.usefixtures("store")
def test_a_good_file_is_said_to_be_good(
    shell: Shell, file: Path, environment: dict[str, str]
) -> None:
    url = environment["TOKEN_SERVER_STORE_URL"]
    done = shell("clients", "check", CLIENTS_FILE=str(file), STORE_URL=url)
    assert (done.code, done.err) == (0, "")
    assert done.out == "the clients file is good: 7 clients, 1 trusted issuer\n"


@pytest.mark.parametrize("words", [("clients", "check"), ("config", "check"), ("clients", "list")])
def test_all_mistakes_are_told_on_stderr(shell: Shell, file: Path, words: tuple[str, str]) -> None:
    file.write_text(BAD)
    done = shell(*words, CLIENTS_FILE=str(file))
    assert (done.code, done.out) == (1, "")
    first, method, scope, hint = done.err.splitlines()
    assert first == "error: 2 mistakes in the clients file"
    assert method.startswith(f"  {file}:3: token_endpoint_auth_method must be one of client_sec")
    assert scope == f"  {file}:4: scpoe is not a member; did you mean scope? (client c)"
    assert hint == 'hint: correct the file; "token-server clients check" checks it'


def test_a_server_does_not_start_with_a_bad_file(file: Path, tmp_path: Path) -> None:
    file.write_text(BAD)
    keys = tmp_path / "keys"
    settings = Settings(clients_file=file, keys_dir=keys)
    with pytest.raises(Problem, match="scpoe is not a member"):
        prepare(settings)
    assert not keys.exists()


def test_clients_are_listed_without_their_secrets_and_keys(shell: Shell, file: Path) -> None:
    done = shell("clients", "list", CLIENTS_FILE=str(file))
    assert (done.code, done.err) == (0, "")
    assert "client_secret_basic  billing\n" in done.out
    as_json = shell("clients", "list", "--json", CLIENTS_FILE=str(file))
    rows = {row["client_id"]: row for row in json.loads(as_json.out)}
    assert list(rows) == sorted(rows)
    both = ["client_secret_basic", "client_secret_post"]
    assert rows["either"]["token_endpoint_auth_method"] == both
    assert rows["phone-app"]["token_endpoint_auth_method"] == "none"
    assert "client_secret_basic+client_secret_post  either\n" in done.out
    assert rows["phone-app"]["grant_types"] == ["refresh_token"]
    assert rows["phone-app"]["refresh_token_lifetime"] == "14d"
    for secret in SECRETS.values():
        assert sha256(secret) not in done.out + as_json.out
    assert "jwks" not in as_json.out


def test_without_a_file_that_is_said(shell: Shell) -> None:
    done = shell("clients", "list", "--json")
    assert (done.code, done.out) == (0, "[]\n")
    assert done.err == "CLIENTS_FILE is not set: nobody is registered\n"
