"""Commands on accounts and sessions say what they did, and fail where there is nothing."""

import json

import pytest
from support.shell import Shell
from support.users import Run, Users

from token_server.cli.names import counted
from token_server.problems import Problem

TYPED, OTHER = "correct horse\n", "battery staple\n"


def begin_sessions(command: Run, name: str, number: int) -> None:
    for _ in range(number):
        command("sessions", "issue", name)


def last_line(text: str) -> str:
    return text.splitlines()[-1]


def live(command: Run, name: str) -> int:
    return len(json.loads(command("sessions", "list", name, "--json").stdout))


@pytest.mark.parametrize(("number", "counted"), [(1, "1 session"), (3, "3 sessions")])
def test_ended_sessions_are_counted(command: Run, number: int, counted: str) -> None:
    begin_sessions(command, "first", number)
    done = command("sessions", "end", "--all", "first")
    assert (done.stdout, last_line(done.stderr)) == ("", f"ended {counted} of first")
    assert live(command, "first") == 0


def test_ending_no_session_fails_and_names_the_nearest_account(command: Run) -> None:
    command("users", "add", "first", stdin=TYPED)
    begin_sessions(command, "first", 1)
    with pytest.raises(Problem) as failed:
        command("sessions", "end", "--all", "frist")
    assert failed.value.text == "there is no session of frist"
    assert failed.value.hint == "did you mean first?"
    assert live(command, "first") == 1
    command("sessions", "end", "--all", "first")
    with pytest.raises(Problem, match="there is no session of first") as failed:
        command("sessions", "end", "--all", "first")
    assert failed.value.hint == '"token-server users list" lists the accounts'


def test_a_list_without_a_session_says_so_on_stderr(command: Run) -> None:
    command("users", "add", "first", stdin=TYPED)
    told = command("sessions", "list", "frist")
    assert told.stdout == ""
    assert last_line(told.stderr) == "there is no session of frist; did you mean first?"


@pytest.mark.parametrize("verb", ["disable", "remove", "enable", "passwd"])
def test_an_unknown_account_fails_with_the_nearest_name(users: Users, verb: str) -> None:
    users("add", "alice", stdin=TYPED)
    with pytest.raises(Problem, match="no account is named alcie") as failed:
        users(verb, "alcie", stdin=OTHER)
    assert failed.value.hint == "did you mean alice?"


@pytest.mark.parametrize(("verb", "done"), [("disable", "disabled"), ("remove", "removed")])
def test_a_change_that_ends_sessions_counts_them(command: Run, verb: str, done: str) -> None:
    command("users", "add", "alice", stdin=TYPED)
    begin_sessions(command, "alice", 2)
    told = command("users", verb, "alice")
    assert last_line(told.stderr) == f"{done} alice; ended 2 sessions"
    assert live(command, "alice") == 0


def test_a_new_password_ends_the_sessions(command: Run) -> None:
    command("users", "add", "alice", stdin=TYPED)
    begin_sessions(command, "alice", 2)
    told = command("users", "passwd", "alice", stdin=OTHER)
    assert last_line(told.stderr) == "changed the password of alice; ended 2 sessions"
    assert live(command, "alice") == 0


def test_a_new_password_keeps_the_sessions_if_told_so(command: Run) -> None:
    command("users", "add", "alice", stdin=TYPED)
    begin_sessions(command, "alice", 2)
    told = command("users", "passwd", "alice", "--keep-sessions", stdin=OTHER)
    assert last_line(told.stderr) == "changed the password of alice; kept 2 sessions"
    assert live(command, "alice") == 2


@pytest.mark.parametrize("verb", ["add", "passwd"])
@pytest.mark.parametrize("password", ["password2024", "alice-alice-7", "elevenchars"])
def test_a_password_against_the_rules_changes_nothing(
    users: Users, verb: str, password: str
) -> None:
    if verb == "passwd":
        users("add", "alice", stdin=TYPED)
    before = users("list", "--json").stdout
    with pytest.raises(Problem, match="the password ") as refused:
        users(verb, "alice", stdin=f"{password}\n")
    assert password not in f"{refused.value.text}{refused.value.hint}"
    assert users("list", "--json").stdout == before


def test_the_least_length_of_a_password_is_a_setting(
    users: Users, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKEN_SERVER_PASSWORD_MIN_LENGTH", "20")
    with pytest.raises(Problem, match="fewer than 20 characters"):
        users("add", "alice", stdin=TYPED)


@pytest.mark.parametrize(
    "words",
    [
        ("users", "add", "alice", "canary-1"),
        ("users", "passwd", "alice", "canary-1", "canary-2"),
        ("sessions", "end", "sid", "canary-1"),
        ("sessions", "explain", "canary-1"),
        ("keys", "passphrase", "canary-1"),
        ("config", "check", "canary-1"),
        ("clients", "list", "canary-1"),
        ("serve", "canary-1"),
        ("demo", "canary-1"),
    ],
)
def test_an_argument_too_many_is_not_echoed(shell: Shell, words: tuple[str, ...]) -> None:
    done = shell(*words)
    assert done.code == 2
    canaries = sum(word.startswith("canary") for word in words)
    assert f"got {counted(canaries, 'argument')} too many" in done.err
    assert "canary" not in done.out + done.err
