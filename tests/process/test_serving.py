"""A server of several processes: what dies is replaced, what is told to leave drains."""

import json
import os
import signal
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
from support.launched import UNREACHABLE_STORE, Launched, launch, launched
from support.processes import HAS_PROC, environments, has_ipv6, is_alive, processes, wait_until

from token_server.store.embedded import EmbeddedStore
from token_server.store.valkey import State, ask

ONE = {"WORKERS": "1"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Launched]:
    """Two workers and an embedded store, which each test leaves as it found them."""
    settings = {"STORE_URL": "embedded:store", "ISSUER": "https://canary.example"}
    with launched(tmp_path_factory.mktemp("server"), settings) as server:
        yield server


def test_it_says_where_it_serves(server: Launched) -> None:
    line = json.loads(server.said.splitlines()[0])
    assert line["event"] == f"serving http://127.0.0.1:{server.port} with 2 workers"


def test_connections_are_spread_over_the_workers(server: Launched) -> None:
    workers = {str(pid) for pid in server.workers()}
    assert len(workers) == 2
    seen: set[str] = set()

    def all_have_answered() -> bool:
        seen.add(server.get("/pid"))
        return seen == workers

    wait_until(all_have_answered)


def test_a_worker_looks_for_garbage_seldom_and_never_in_what_it_began_with(
    server: Launched,
) -> None:
    assert server.get("/collector") == "True 20000 True"


def test_no_setting_stands_in_the_arguments_of_a_worker(server: Launched) -> None:
    assert "canary" in server.get("/settings")
    shown = {each.pid: each.command_line for each in processes()}
    for pid in server.workers():
        assert "canary" not in shown[pid]


@pytest.mark.skipif(
    not HAS_PROC or os.geteuid() != 0,
    reason="only /proc shows what a process was started with, and for a worker only to root",
)
def test_no_setting_stands_in_the_environment_of_a_worker(server: Launched) -> None:
    assert "canary" in server.get("/settings")
    shown = list(environments(server.workers()))
    assert len(shown) == 2
    for environment in shown:
        assert environment
        assert b"canary" not in environment


def test_ctrl_c_is_the_parents_alone(server: Launched) -> None:
    """A terminal sends it to its whole foreground group."""
    children = server.children()
    assert len(children) == 3
    assert all(os.getpgid(pid) != os.getpgid(server.process.pid) for pid in children)


def test_a_hang_up_is_passed_on_and_kills_nobody(server: Launched) -> None:
    children = server.children()
    server.process.send_signal(signal.SIGHUP)
    assert server.get("/hung-up") == "hung up"
    assert server.children() == children


def test_the_embedded_store_is_back_soon_after_it_was_killed(server: Launched) -> None:
    workers = server.workers()
    [store] = set(server.children()) - set(workers)
    os.kill(store, signal.SIGKILL)
    wait_until(lambda: not is_alive(store))
    path = EmbeddedStore(server.folder / "store").socket_path
    wait_until(lambda: ask(path) is State.ANSWERS, seconds=2)
    assert server.workers() == workers


def test_what_waits_for_a_killed_worker_is_served_by_its_successor(server: Launched) -> None:
    """Its queue is the parent's, too."""
    old = server.workers()
    for pid in old:
        os.kill(pid, signal.SIGSTOP)
    with ExitStack() as connections:
        waiting = [
            connections.enter_context(socket.create_connection(("127.0.0.1", server.port), 30))
            for _ in range(10)
        ]
        for pid in old:
            os.kill(pid, signal.SIGKILL)
        for connection in waiting:
            connection.sendall(b"GET /pid HTTP/1.1\r\nHost: a\r\n\r\n")
        answers = [connection.recv(4096) for connection in waiting]
    assert all(answer.startswith(b"HTTP/1.1 200 ") for answer in answers)
    assert not set(old) & set(server.workers())
    for pid in old:
        assert f'"worker {pid} was ended by signal 9 (Killed)"' in server.said


def test_a_worker_that_dies_again_and_again_is_never_given_up(tmp_path: Path) -> None:
    with launched(tmp_path, ONE) as server:
        for deaths in range(1, 4):
            with pytest.raises(httpx.TransportError):
                server.get("/dies")
            assert server.get("/pid") == str(server.workers()[0])
            assert server.said.count("exited with status 3") == deaths


def test_a_replaced_worker_has_the_settings_that_the_server_began_with(tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    file.write_text('issuer = "https://one.example"\n')
    with launched(tmp_path, ONE | {"CONFIG": str(file)}) as server:
        assert server.get("/settings") == f"https://one.example {UNREACHABLE_STORE}"
        file.write_text('issuer = "https://two.example"\n')
        os.kill(server.workers()[0], signal.SIGKILL)
        assert server.get("/settings") == f"https://one.example {UNREACHABLE_STORE}"


def test_a_killed_parent_leaves_no_process_behind(tmp_path: Path) -> None:
    with launched(tmp_path, {"STORE_URL": "embedded:store"}) as server:
        family = server.children()
        assert len(family) == 3
        server.process.kill()
        wait_until(lambda: not is_alive(*family), seconds=5)


def test_a_parent_killed_while_workers_start_leaves_no_process_behind(tmp_path: Path) -> None:
    server = launch(tmp_path, opener="open_gate_first")
    wait_until(lambda: len(server.workers()) == 2)
    family = server.workers()
    server.process.kill()
    server.process.wait()
    wait_until(lambda: not is_alive(*family))


@pytest.mark.skipif(not has_ipv6(), reason="no IPv6 on this machine")
def test_ipv6(tmp_path: Path) -> None:
    with launched(tmp_path, ONE | {"HOST": "::1"}) as server:
        assert server.url.startswith("http://[::1]:")
        assert server.get("/pid") == str(server.workers()[0])


@pytest.mark.skipif(not has_ipv6(), reason="no IPv6 on this machine")
def test_localhost_is_served_on_both_loopback_addresses(tmp_path: Path) -> None:
    with launched(tmp_path, {"HOST": "localhost"}) as server:
        [one, other] = server.urls
        assert other == one.replace("127.0.0.1", "[::1]")
        workers = {str(pid) for pid in server.workers()}
        for url in (one, other):
            assert httpx.get(f"{url}/pid", timeout=30).text in workers
        assert server.stop() == 0
