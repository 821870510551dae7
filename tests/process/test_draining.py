"""Told to leave, a server finishes what it has begun, and nothing of it stays."""

import os
import signal
import socket
from pathlib import Path
from threading import Thread

import httpx
import pytest
from support.launched import Launched, launched
from support.launched_apps import LAST_WORDS
from support.processes import is_alive, wait_until


def is_refused(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except (ConnectionRefusedError, ConnectionResetError):
        return True
    return False


def ask_in_flight(server: Launched, answers: list[str]) -> Thread:
    """A request that is answered when the gate opens."""

    def ask_and_note() -> None:
        try:
            answers.append(server.get("/held"))
        except httpx.TransportError:
            answers.append("cut off")

    thread = Thread(target=ask_and_note)
    thread.start()
    return thread


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_request_in_flight_is_finished_before_the_end(
    tmp_path: Path, how: signal.Signals
) -> None:
    with launched(tmp_path) as server:
        answers: list[str] = []
        request = ask_in_flight(server, answers)
        # Opened for writing, it proves that the request is being worked on.
        with (tmp_path / "gate").open("w") as gate:
            server.process.send_signal(how)
            wait_until(lambda: is_refused(server.port))
            assert server.process.poll() is None
            gate.write("finished")
        assert server.process.wait(10) == 0
        request.join()
        assert answers == ["finished"]
        assert "error" not in server.said


def test_draining_ends_in_time_and_well_though_a_request_does_not(tmp_path: Path) -> None:
    with launched(tmp_path, drain_seconds=1) as server:
        answers: list[str] = []
        request = ask_in_flight(server, answers)
        with (tmp_path / "gate").open("w"):
            family = server.children()
            assert server.stop() == 0
            request.join()
        assert answers == ["cut off"]
        assert not is_alive(*family)


def test_workers_have_their_time_to_drain_after_the_drain_period(tmp_path: Path) -> None:
    settings = {"WORKERS": "1", "DRAIN_PERIOD": "2"}
    with launched(tmp_path, settings, drain_seconds=1) as server:
        assert server.workers()
        assert server.stop() == 0
        assert "requests in flight are given up" not in server.said


def test_who_interrupts_twice_does_not_wait(tmp_path: Path) -> None:
    with launched(tmp_path, drain_seconds=1000) as server:
        request = ask_in_flight(server, [])
        with (tmp_path / "gate").open("w"):
            server.process.send_signal(signal.SIGINT)
            wait_until(lambda: is_refused(server.port))
            assert server.stop(signal.SIGINT) == 0
            request.join()


def test_a_worker_killed_while_the_server_drains_is_not_replaced(tmp_path: Path) -> None:
    with launched(tmp_path, {"WORKERS": "1"}, drain_seconds=1000) as server:
        answers: list[str] = []
        request = ask_in_flight(server, answers)
        with (tmp_path / "gate").open("w"):
            server.process.send_signal(signal.SIGTERM)
            wait_until(lambda: is_refused(server.port))
            os.kill(server.workers()[0], signal.SIGKILL)
            assert server.process.wait(10) == 0
            request.join()
        assert answers == ["cut off"]


def test_the_embedded_store_goes_last(tmp_path: Path) -> None:
    settings = {"WORKERS": "1", "STORE_URL": "embedded:store"}
    with launched(tmp_path, settings, opener="open_app_that_needs_its_store") as server:
        family = server.children()
        assert server.stop() == 0
        assert (tmp_path / LAST_WORDS).read_text() == "True"
        assert not is_alive(*family)
