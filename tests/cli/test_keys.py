"""`token-server keys`, as an operator types it."""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from support.keys import public_key
from support.shell import Shell

from token_server.cli.keys import command
from token_server.cli.names import written
from token_server.problems import Problem
from token_server.signing import keyset_file
from token_server.signing.lifecycle import Keyset, SigningKey

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


def table(result: Result) -> list[list[str]]:
    return [re.split(" {2,}", line) for line in result.stdout.splitlines()]


def test_list_shows_what_comes_next_for_each_key_and_why(keys: Keys, folder: Path) -> None:
    folder.mkdir(mode=0o700)
    now = datetime.now(UTC)
    (folder / "keyset.json").write_text(keyset_file.write(every_state(now)))
    head, *lines = table(keys("list"))
    assert head == ["kid", "state", "age", "next change", "why"]
    assert [line[1:] for line in lines] == [
        ["retired", "300d", "-", "its last token has expired"],
        ["revoked", "200d", "-", "an operator has revoked it"],
        [
            *("retiring", "100d", f"leaves the JWK Set {written(now + timedelta(days=9))}"),
            "its last token expires then",
        ],
        [
            *("retiring", "23h", "leaves the JWK Set with its last token"),
            "servers record when, once all of them have stopped to sign with it",
        ],
        [
            *("active", "22h", f"is due for rotation {written(now + timedelta(days=89))}"),
            "KEY_ROTATION_INTERVAL after it began to sign",
        ],
        ["pending", "21h", "signs after a later rotation", "another one is before it"],
        ["pending", "20h", "signs after the next rotation", "verifiers know it"],
    ]


def test_list_shows_a_rotation_that_is_scheduled(keys: Keys) -> None:
    keys("init")
    keys("rotate", "--now")
    _, active, pending, young = table(keys("list"))
    (moment,) = {active[3].split()[-1], pending[3].split()[-1]}
    assert active[3:] == [f"stops signing {moment}", "a rotation is scheduled"]
    assert pending[3:] == [f"signs {moment}", "a rotation is scheduled"]
    assert young[3].startswith("may sign ")
    assert young[4] == "verifiers may not know it yet"


def every_state(now: datetime) -> Keyset:
    day, hour = timedelta(days=1), timedelta(hours=1)
    moments: list[tuple[timedelta, dict[str, timedelta]]] = [
        (300 * day, {"signs_from": 300 * day, "stops_at": 200 * day, "drops_at": 180 * day}),
        (200 * day, {"signs_from": 200 * day, "stops_at": 100 * day, "revoked_at": 100 * day}),
        (100 * day, {"signs_from": 100 * day, "stops_at": 23 * hour, "drops_at": -9 * day}),
        (23 * hour, {"signs_from": 23 * hour, "stops_at": day}),
        (22 * hour, {"signs_from": day}),
        (21 * hour, {}),
        (20 * hour, {}),
    ]
    return Keyset(
        keys=tuple(
            SigningKey(
                public=public_key(number),
                announced_at=now - age,
                **{name: now - before for name, before in known.items()},
            )
            for number, (age, known) in enumerate(moments)
        )
    )


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
