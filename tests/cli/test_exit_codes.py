"""Exit codes, and what stands on stdout and stderr beside them."""

from pathlib import Path

import pytest
import structlog
from redis import Redis
from support.shell import Shell
from support.valkey import begin_store

from token_server.cli.log_messages import print_log


@pytest.mark.parametrize("sid", ["A" * 22, "-" + "A" * 21, "nonsense", "*"])
def test_ending_a_session_that_is_not_there_fails_with_a_hint(
    shell: Shell, store_socket: Path, sid: str
) -> None:
    with Redis(unix_socket_path=str(store_socket)) as client:
        begin_store(client)
    done = shell("sessions", "end", sid, STORE_URL=f"unix://{store_socket}")
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith("error: ")
    assert "\nhint: " in done.err


@pytest.mark.parametrize(
    "words",
    [["sessions", "end"], ["sessions", "issue"], ["users", "add", " "], ["nonsense"]],
    ids=" ".join,
)
def test_wrong_usage_exits_with_2(shell: Shell, words: list[str]) -> None:
    done = shell(*words)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("error: ")
    assert "\nhint: token-server" in done.err


def test_a_command_without_a_verb_shows_its_help_and_exits_with_2(shell: Shell) -> None:
    done = shell()
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("Usage: token-server ")


def test_what_is_logged_while_a_command_runs_is_a_message_on_stderr(shell: Shell) -> None:
    """Not on stdout, which the results have for themselves."""
    nothing_listens_there = "redis://127.0.0.1:1"
    done = shell("users", "list", STORE_URL=nothing_listens_there)
    assert (done.code, done.out) == (1, "")
    levels = {line.partition(":")[0] for line in done.err.splitlines()}
    assert levels <= {"warning", "error", "hint"}
    assert "error" in levels


def test_a_log_line_of_a_command_has_its_level_details_and_hint(
    capsys: pytest.CaptureFixture[str],
) -> None:
    before = structlog.get_config()
    try:
        print_log()
        structlog.get_logger().warning("a file is old", path="/x", hint="renew it")
    finally:
        structlog.configure(**before)
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == "warning: a file is old (path: /x)\nhint: renew it\n"
