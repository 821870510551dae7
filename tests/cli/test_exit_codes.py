"""Exit codes, and what stands on stdout and stderr beside them."""

from pathlib import Path

import pytest
from redis import Redis
from support.shell import Shell
from support.valkey import begin_store


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
