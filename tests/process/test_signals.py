"""Signals that end nothing, and children that other processes leave behind."""

import ctypes
import os
import signal
import sys
from pathlib import Path
from threading import Thread

import pytest
from support.launched import Launched, launch, launched
from support.processes import is_alive, processes, wait_until

from token_server.process.signals import IGNORED
from token_server.store.embedded import EmbeddedStore
from token_server.store.valkey import State, ask

WITH_A_STORE = {"WORKERS": "1", "STORE_URL": "embedded:store"}
PR_SET_CHILD_SUBREAPER = 36


def send_all(*pids: int) -> None:
    for pid in pids:
        for each in IGNORED:
            os.kill(pid, each)


def opened_gate(folder: Path) -> list[int]:
    """The gate, once a worker waits there."""
    try:
        return [os.open(folder / "gate", os.O_WRONLY | os.O_NONBLOCK)]
    except OSError:  # ENXIO
        return []


def store_answers(server: Launched) -> bool:
    return ask(EmbeddedStore(server.folder / "store").socket_path) is State.ANSWERS


def test_hang_up_and_user_signals_end_no_process_of_a_server(tmp_path: Path) -> None:
    with launched(tmp_path, WITH_A_STORE) as server:
        family = server.children()
        send_all(server.process.pid, *family)
        assert server.get("/pid") == str(server.workers()[0])
        assert store_answers(server)
        assert server.children() == family


def test_they_end_no_worker_that_has_only_begun(tmp_path: Path) -> None:
    server = launch(tmp_path, {"WORKERS": "1"}, opener="open_gate_first")
    try:
        wait_until(lambda: bool(server.workers()))
        [worker] = server.workers()
        gate: list[int] = []

        def worker_waits() -> bool:
            gate[:] = opened_gate(tmp_path)
            return bool(gate)

        send_all(server.process.pid, worker)
        wait_until(worker_waits)
        send_all(server.process.pid, worker)
        os.close(gate.pop())
        assert server.get("/pid") == str(worker)
        assert "ended by signal" not in server.said
    finally:
        server.process.kill()
        server.process.wait()


def test_they_end_nothing_while_a_server_drains_and_its_store_is_restarted(
    tmp_path: Path,
) -> None:
    with launched(tmp_path, WITH_A_STORE, drain_seconds=1000) as server:
        workers, answers = server.workers(), []
        [store] = set(server.children()) - set(workers)
        request = Thread(target=lambda: answers.append(server.get("/held")))
        request.start()
        with (tmp_path / "gate").open("w") as gate:
            server.process.send_signal(signal.SIGTERM)
            os.kill(store, signal.SIGKILL)
            wait_until(lambda: not is_alive(store))
            wait_until(lambda: store_answers(server))
            send_all(server.process.pid, *server.children())
            assert store_answers(server)
            gate.write("finished")
        assert server.process.wait(30) == 0
        request.join()
        assert answers == ["finished"]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has subreapers")
def test_children_that_others_left_behind_are_reaped(tmp_path: Path) -> None:
    """As in a container, where the server is the first process."""
    prctl = ctypes.CDLL(None).prctl

    def be_reaper() -> None:
        prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)

    with launched(tmp_path, {"WORKERS": "1"}, in_child=be_reaper) as server:
        orphan = int(server.get("/orphan"))
        wait_until(lambda: orphan not in {each.pid for each in processes()})
        assert server.get("/pid") == str(server.workers()[0])
