"""`token-server users`, as an operator calls it, on a real store."""

import asyncio
import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result
from redis import Redis
from support.shell import Shell
from support.users import Users

from token_server.accounts.passwords import LONGEST_PASSWORD, Passwords
from token_server.cli import token_server
from token_server.problems import Problem

TYPED, OTHER = "correct horse\n", "battery staple\n"
LONGEST = ("abcde fghij " * 100)[: LONGEST_PASSWORD - 1] + "!"


def listed(users: Users) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = json.loads(users("list", "--json").stdout)
    return rows


def facts(result: Result) -> list[tuple[str, str]]:
    lines = [json.loads(line) for line in result.stderr.splitlines() if line.startswith("{")]
    return [(line["event"], line["sub"]) for line in lines]


def fits(store: Redis, name: str, password: str) -> bool:
    password_hash = store.hget(f"{{{name}}}:account", "password_hash")
    assert isinstance(password_hash, bytes)
    return asyncio.run(Passwords().verify(password_hash.decode(), password))


@pytest.mark.parametrize("end", ["\n", "\r\n", "", "\nmore\n"])
def test_the_password_is_the_first_line_of_stdin(users: Users, store: Redis, end: str) -> None:
    users("add", "alice", stdin=f"größer als zwölf{end}")
    assert fits(store, "alice", "größer als zwölf")


def test_adding_says_so_on_stderr_and_nothing_on_stdout(users: Users) -> None:
    added = users("add", "alice", stdin=TYPED)
    assert added.stdout == ""
    assert added.stderr.splitlines()[-1] == "added alice"
    assert facts(added) == [("account_added", "alice")]


@pytest.mark.parametrize("verb", ["add", "passwd"])
def test_a_generated_password_stands_once_on_stdout_and_nothing_else(
    users: Users, store: Redis, verb: str
) -> None:
    if verb == "passwd":
        users("add", "alice", stdin=TYPED)
    made = users(verb, "alice", "--generate", stdin="not read\n").stdout
    assert re.fullmatch(r"[A-Za-z0-9_-]{24,}\n", made)
    assert fits(store, "alice", made.strip())


def test_two_generated_passwords_differ(users: Users) -> None:
    made = {users("add", name, "--generate").stdout for name in ("alice", "bob")}
    assert len(made) == 2


@pytest.mark.parametrize(
    "stdin",
    [
        "",
        "\n",
        "\r\n",
        "\nsecond line\n",
        b"canary\xff\n",
        "c" * (LONGEST_PASSWORD + 1),
        "c" * 9999,
    ],
)
@pytest.mark.parametrize("verb", ["add", "passwd"])
def test_what_is_no_password_is_a_problem_and_is_not_quoted(
    users: Users, stdin: str | bytes, verb: str
) -> None:
    if verb == "passwd":
        users("add", "alice", stdin=TYPED)
    before = listed(users)
    with pytest.raises(Problem) as refused:
        users(verb, "alice", stdin=stdin)
    assert "canary" not in refused.value.text
    assert "cccc" not in refused.value.text
    assert listed(users) == before


def test_the_longest_password_is_taken(users: Users) -> None:
    users("add", "alice", stdin=LONGEST + "\r\n")


def test_an_account_that_exists_is_a_problem_and_stays(users: Users, store: Redis) -> None:
    users("add", "alice", stdin=TYPED)
    before = store.hgetall("{alice}:account")
    with pytest.raises(Problem, match="an account named alice exists already"):
        users("add", "alice", stdin=OTHER)
    assert store.hgetall("{alice}:account") == before


@pytest.mark.parametrize("verb", ["disable", "enable", "remove", "passwd"])
def test_an_account_that_does_not_exist_is_a_problem(users: Users, verb: str) -> None:
    with pytest.raises(Problem, match="no account is named alice"):
        users(verb, "alice", stdin=TYPED)


@pytest.mark.parametrize("name", ["", " ", "ali\nce", "x" * 256, "\udcff"])
@pytest.mark.parametrize("verb", ["add", "disable", "enable", "remove", "passwd"])
def test_what_can_be_no_subject_is_wrong_usage(users: Users, verb: str, name: str) -> None:
    with pytest.raises(click.BadParameter):
        users(verb, name, stdin=TYPED)


def test_each_change_is_told_to_the_audit_log(users: Users) -> None:
    users("add", "alice", stdin=TYPED)
    told = [users(verb, "alice", stdin=OTHER) for verb in ("disable", "enable", "passwd")]
    told.append(users("remove", "alice"))
    assert [facts(result) for result in told] == [
        [("account_disabled", "alice")],
        [("account_enabled", "alice")],
        [("password_changed", "alice"), ("sessions_ended", "alice")],
        [("account_removed", "alice")],
    ]
    assert listed(users) == []


def test_a_change_that_was_refused_is_not_told_as_done(
    users: Users, environment: dict[str, str]
) -> None:
    result = CliRunner(env=environment).invoke(token_server, ["users", "disable", "nobody"])
    assert isinstance(result.exception, Problem)
    assert facts(result) == []
    assert listed(users) == []


def test_the_list_shows_state_and_profile_and_no_hash(users: Users, tmp_path: Path) -> None:
    profile = tmp_path / "profile.json"
    profile.write_text('{"email": "jörg@b.example"}', "utf-8")
    users("add", "Jörg K", "--generate", "--profile", str(profile))
    users("add", "alice", "--generate")
    users("disable", "alice")
    assert users("list").stdout.splitlines() == [
        f"enabled   {listed(users)[0]['created_at']}  Jörg K",
        f"disabled  {listed(users)[1]['created_at']}  alice",
    ]
    assert [(row["name"], row["disabled"], row["profile"]) for row in listed(users)] == [
        ("Jörg K", False, {"email": "jörg@b.example"}),
        ("alice", True, {}),
    ]
    assert "argon2" not in users("list", "--json").output


@pytest.mark.parametrize("document", [b"", b"[]", b'{"a":1,"a":2}', b" " * 65_535 + b"{}"])
def test_a_bad_profile_adds_nothing(users: Users, tmp_path: Path, document: bytes) -> None:
    profile = tmp_path / "profile.json"
    profile.write_bytes(document)
    with pytest.raises(Problem, match="profile"):
        users("add", "alice", "--generate", "--profile", str(profile))
    assert listed(users) == []


def test_a_profile_that_is_not_there_is_wrong_usage(users: Users, tmp_path: Path) -> None:
    with pytest.raises(click.BadParameter):
        users("add", "alice", "--generate", "--profile", str(tmp_path / "none.json"))


@pytest.mark.usefixtures("store")
def test_failures_are_told_on_stderr_with_exit_codes(shell: Shell, store_socket: Path) -> None:
    def run(*arguments: str) -> tuple[int, str, str]:
        done = shell("users", *arguments, STORE_URL=f"unix://{store_socket}")
        return done.code, done.out, done.err

    assert run("remove", "alice") == (
        1,
        "",
        "error: no account is named alice\nhint: see: users list\n",
    )
    assert run("add", "ali\nce")[:2] == (2, "")


@pytest.mark.usefixtures("store")
def test_a_failure_is_the_same_in_a_process_of_its_own(environment: dict[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "token_server", "users", "add", "alice"],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (
        1,
        "",
        "error: no password on stdin\nhint: write it to stdin as one line, or use --generate\n",
    )


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize(
    ("again", "said"), [("typed at a terminal", "added alice"), ("other", "two passwords")]
)
def test_at_a_terminal_it_asks_twice_and_shows_nothing(
    environment: dict[str, str], again: str, said: str
) -> None:
    typist, terminal = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "token_server", "users", "add", "alice"],
        env=environment,
        stdin=terminal,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,  # without a /dev/tty of the tests' own
    ) as command:
        assert command.stdout is not None
        assert command.stderr is not None
        for prompt, line in ((b"Password: ", "typed at a terminal"), (b"Again: ", again)):
            assert command.stderr.read(len(prompt)) == prompt
            os.write(typist, f"{line}\n".encode())
            assert command.stderr.read(1) == b"\n"
        # Not communicate(): it would miss what `stderr` has read ahead.
        stderr, stdout = command.stderr.read(), command.stdout.read()
    # All that the terminal shows has arrived once its last writer has closed it.
    os.write(terminal, b"end")
    assert b"typed" not in os.read(typist, 1024)
    os.close(typist)
    os.close(terminal)
    assert stdout == b""
    assert said in stderr.decode()
