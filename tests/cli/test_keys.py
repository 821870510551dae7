"""`token-server keys`, as an operator types it."""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from support.keys import NOW, rotated_keyset
from support.shell import Shell

from token_server.cli.keys import command
from token_server.problems import Problem
from token_server.signing import keyset_file

Keys = Callable[..., Result]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "keys"


@pytest.fixture
def keys(folder: Path) -> Keys:
    def run(*arguments: str) -> Result:
        return CliRunner().invoke(command, arguments, env={"TOKEN_SERVER_KEYS_DIR": str(folder)})

    return run


def rows(result: Result) -> list[dict[str, str | None]]:
    assert result.exit_code == 0
    found: list[dict[str, str | None]] = json.loads(result.stdout)
    return found


def test_init_prints_the_kids_that_it_made_and_records_them(keys: Keys) -> None:
    made = keys("init")
    assert made.exit_code == 0
    kids = made.stdout.split()
    assert [row["kid"] for row in rows(keys("list", "--json"))] == kids
    facts = [json.loads(line) for line in made.stderr.splitlines()]
    assert [(fact["event"], fact["kid"]) for fact in facts] == [("key_made", kid) for kid in kids]


def test_init_never_makes_a_second_keyset(keys: Keys, folder: Path) -> None:
    keys("init")
    before = (folder / "keyset.json").read_bytes()
    again = keys("init")
    assert isinstance(again.exception, Problem)
    assert again.exception.text == f"{folder}/keyset.json already exists"
    assert again.exception.hint == '"token-server keys list" shows the keys it holds'
    assert (folder / "keyset.json").read_bytes() == before


def test_list_json_has_exactly_these_members(keys: Keys) -> None:
    earliest = datetime.now(UTC)
    keys("init")
    active, pending = rows(keys("list", "--json"))
    members = ["kid", "state", "announced_at", "signs_from", "stops_at", "drops_at"]
    assert list(active) == list(pending) == members
    assert active["announced_at"] == active["signs_from"] == pending["announced_at"]
    made_at = datetime.fromisoformat(str(active["signs_from"]))
    assert timedelta(0) <= made_at - earliest < timedelta(minutes=1)
    assert (active["state"], active["stops_at"], active["drops_at"]) == ("active", None, None)
    assert (pending["state"], pending["signs_from"]) == ("pending", None)


def test_list_is_a_table_with_a_dash_for_what_is_not_decided(keys: Keys, folder: Path) -> None:
    folder.mkdir(mode=0o700)
    keyset = rotated_keyset(drops_at=NOW + timedelta(days=2))
    (folder / "keyset.json").write_text(keyset_file.write(keyset))
    first, *_ = lines = [re.split(" {2,}", line) for line in keys("list").stdout.splitlines()]
    assert first == ["kid", "state", "announced_at", "signs_from", "stops_at", "drops_at"]
    assert [line[0] for line in lines[1:]] == [key.kid for key in keyset.keys]
    assert lines[1][2:] == [
        *["2026-11-21T12:00:00.123456Z"] * 2,
        "2026-11-22T12:00:00.123456Z",
        "2026-11-23T12:00:00.123456Z",
    ]
    assert lines[3][3:] == ["-", "-", "-"]


def test_jwks_prints_the_public_set(keys: Keys) -> None:
    keys("init")
    printed = keys("jwks")
    assert printed.exit_code == 0
    jwks = json.loads(printed.stdout)["keys"]
    assert [key["kid"] for key in jwks] == [row["kid"] for row in rows(keys("list", "--json"))]
    assert [set(key) for key in jwks] == [{"kty", "use", "alg", "kid", "n", "e"}] * 2


@pytest.mark.parametrize("verb", ["list", "jwks"])
def test_without_a_keyset_they_say_how_to_make_one(keys: Keys, verb: str) -> None:
    problem = keys(verb).exception
    assert isinstance(problem, Problem)
    assert problem.hint == '"token-server keys init" makes the first keyset'


def test_reading_the_public_part_asks_for_no_passphrase(keys: Keys, tmp_path: Path) -> None:
    passphrase = tmp_path / "passphrase"
    passphrase.write_text("8q3vYw0nW5yJm2s1V7cZ4g\n")
    passphrase.chmod(0o600)
    environment = {
        "TOKEN_SERVER_KEYS_DIR": str(tmp_path / "keys"),
        "TOKEN_SERVER_KEYS_PASSPHRASE_FILE": str(passphrase),
    }
    assert CliRunner().invoke(command, ["init"], env=environment).exit_code == 0
    assert len(rows(keys("list", "--json"))) == 2


def test_a_problem_is_two_lines_and_exit_code_1(shell: Shell, folder: Path) -> None:
    """As the shell sees it."""
    folder.write_text("a file")
    done = shell("keys", "init", KEYS_DIR=str(folder))
    assert (done.code, done.out) == (1, "")
    assert done.err.splitlines() == [
        f"error: {folder}/keyset.json: Not a directory",
        f"hint: KEYS_DIR ({folder}) must be a directory of the user who runs this",
    ]
