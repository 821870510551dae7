"""A server that cannot start ends with status 1, one line that says why, and no process left."""

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Protocol

import pytest
from support.launched import Launched, launch
from support.processes import is_alive, wait_until
from support.server import Server

ENDS_WITHIN = 20


class Start(Protocol):
    def __call__(
        self,
        settings: Mapping[str, str] | None = None,
        *,
        opener: str = "open_app",
        start_up_seconds: float = ENDS_WITHIN,
    ) -> Launched: ...


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts a server in the test's folder, and ends it where the test did not."""
    with ExitStack() as at_the_end:

        def begin(
            settings: Mapping[str, str] | None = None,
            *,
            opener: str = "open_app",
            start_up_seconds: float = ENDS_WITHIN,
        ) -> Launched:
            server = launch(tmp_path, settings, opener=opener, start_up_seconds=start_up_seconds)
            at_the_end.callback(server.process.wait)
            at_the_end.callback(server.process.kill)
            return server

        yield begin


def how_it_failed(server: Launched) -> str:
    assert server.process.wait(ENDS_WITHIN) == 1
    return server.said


def test_what_keeps_the_workers_from_starting_is_said_once(start: Start) -> None:
    server = start(opener="open_with_a_problem")
    assert how_it_failed(server) == "error: the moon is full\nhint: wait for a new one\n"


def test_a_fault_is_named_by_its_type_and_place_but_not_in_its_words(start: Start) -> None:
    """Its words may hold secrets."""
    error, hint = how_it_failed(start(opener="open_with_a_fault")).splitlines()
    assert error == "error: a worker cannot go on: ZeroDivisionError"
    assert hint.startswith("hint: raised at launched_apps.py:")


def test_workers_that_do_not_come_to_listen_are_not_waited_for_for_ever(start: Start) -> None:
    server = start(opener="open_gate_first", start_up_seconds=0.5)
    wait_until(lambda: len(server.workers()) == 2 or server.process.poll() is not None)
    family = server.workers()
    assert "does not come to listen" in how_it_failed(server)
    assert not is_alive(*family)


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_server_may_be_told_to_leave_while_it_starts(
    start: Start, tmp_path: Path, how: signal.Signals
) -> None:
    server = start({"WORKERS": "1"}, opener="open_gate_first")
    # Opened, the gate proves that a worker is at work.
    with (tmp_path / "gate").open("w"):
        family = server.workers()
        assert server.stop(how) == 0
    assert not is_alive(*family)
    assert server.said == ""


def test_another_server_on_the_port_is_noticed(start: Start) -> None:
    with socket.create_server(("127.0.0.1", 0), reuse_port=True) as other:
        port = other.getsockname()[1]
        server = start({"PORT": str(port)})
        assert how_it_failed(server) == (
            f"error: port {port} of 127.0.0.1 is in use\n"
            "hint: stop the other server, or set TOKEN_SERVER_PORT\n"
        )


def test_tls_files_that_cannot_be_used_are_noticed_before_any_worker_starts(
    start: Start, tmp_path: Path
) -> None:
    (tmp_path / "tls.pem").write_text("no certificate")
    (tmp_path / "tls.pem").chmod(0o600)
    files = {"TLS_CERT_FILE": str(tmp_path / "tls.pem"), "TLS_KEY_FILE": str(tmp_path / "tls.pem")}
    error, hint = how_it_failed(start(files)).splitlines()
    assert error.startswith("error: the TLS files cannot be used: ")
    assert error.endswith("tls.pem holds no certificate in PEM")
    assert "TOKEN_SERVER_TLS_CERT_FILE" in hint


@pytest.mark.parametrize("has_keys", [False, True])
def test_a_passphrase_that_others_can_read_is_noticed(tmp_path: Path, *, has_keys: bool) -> None:
    file = tmp_path / "passphrase"
    file.write_text("8q3vYw0nW5yJm2s1V7cZ4g")
    file.chmod(0o600)
    server = Server(
        tmp_path, settings={"KEYS_PASSPHRASE_FILE": str(file), "ISSUER": "https://a.example"}
    )
    if has_keys:
        server.cli("keys", "init")
    file.chmod(0o604)
    done = server.run("serve")
    assert (done.returncode, done.stderr) == (
        1,
        f"error: {file} is open to others (mode 0604)\nhint: chmod 600 {file}\n",
    )


def test_a_worker_without_a_parent_does_nothing() -> None:
    """It was killed between starting the worker and telling it what to do."""
    worker = [sys.executable, "-m", "token_server.process.worker"]
    done = subprocess.run(
        worker, stdin=subprocess.DEVNULL, capture_output=True, timeout=ENDS_WITHIN, check=True
    )
    assert done.stderr == b""
