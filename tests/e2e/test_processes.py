"""The processes of a server: what dies is replaced, and nothing is left behind."""

import asyncio
import os
import signal
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import httpx
import pytest
from support.fast_client import fast_clients
from support.forms import refresh
from support.lanes import HAS_LANES, X86_64_LINUX
from support.processes import is_alive, wait_until
from support.server import Server

from token_server.signing import crypto_mb

OwnServer = Callable[..., AbstractContextManager[Server]]
WORKER = "process.worker"


def test_each_worker_says_whether_it_signs_eight_at_once(server: Server) -> None:
    said = "keys of 2048 bits sign eight at once" if HAS_LANES else "all keys sign one by one"
    wait_until(lambda: server.err.count(said) == len(server.pids(WORKER)) == 2)


@pytest.mark.skipif(not X86_64_LINUX, reason="the library is for Linux on x86-64")
@pytest.mark.skipif(os.geteuid() != 0, reason="the maps of a worker are shown to root only")
def test_a_worker_loads_the_multi_buffer_library_unless_it_is_switched_off(
    server: Server, own_server: OwnServer
) -> None:
    def has_the_library(each: Server) -> bool:
        wait_until(lambda: len(each.pids(WORKER)) == 2)
        maps = [Path(f"/proc/{pid}/maps").read_text() for pid in each.pids(WORKER)]
        return all(crypto_mb.FILE in each for each in maps)

    wait_until(lambda: has_the_library(server))
    with own_server(MULTI_BUFFER_SIGNING="off") as without:
        reason = "MULTI_BUFFER_SIGNING is off"
        wait_until(lambda: without.err.count(reason) == len(without.pids(WORKER)) == 2)
        assert not has_the_library(without)
        assert without.pair().access_token


def test_a_killed_parent_leaves_no_process_behind(own_server: OwnServer) -> None:
    with own_server() as server:
        assert server.process is not None
        family = [server.process.pid, *server.children()]
        assert len(family) >= 4  # parent, two workers, store
        server.process.kill()
        server.process.wait()
        wait_until(lambda: not is_alive(*family), seconds=5)


def test_a_killed_worker_is_replaced_and_its_queue_is_served(own_server: OwnServer) -> None:
    with own_server() as server:
        token = server.pair().refresh_token
        os.kill(server.pids(WORKER)[0], signal.SIGKILL)
        assert wait_until(lambda: asyncio.run(all_are_served(server, token))) < 5
        wait_until(lambda: len(server.pids(WORKER)) == 2)


async def all_are_served(server: Server, token: str) -> bool:
    """So many connections that both workers have some of them."""
    try:
        async with fast_clients(server.port, 16) as clients:
            answers = await asyncio.gather(*(client.refresh(token) for client in clients))
    except (OSError, EOFError):
        # Some had reached the killed worker.
        return False
    assert {answer.status for answer in answers} == {200}
    return True


def test_sigterm_stops_everything_and_is_a_good_end(own_server: OwnServer) -> None:
    with own_server() as server:
        family = server.children()
        assert server.stop() == 0
        assert not is_alive(*family)
        assert "Traceback" not in server.err


def test_a_restarted_server_knows_its_sessions_and_keys(own_server: OwnServer) -> None:
    with own_server(WORKERS="1") as server:
        token = server.pair().refresh_token
        server.stop()
        server.start()
        with httpx.Client(base_url=server.url, timeout=5) as client:
            assert refresh(client, token).status_code == 200


def fails_to_start(server: Server) -> str:
    """The one line on stderr that says why."""
    server.start(wait=False)
    assert server.process is not None
    assert server.process.wait(30) == 1
    lines = server.err.splitlines()
    assert [line.split(":")[0] for line in lines] in (["error"], ["error", "hint"]), lines
    return lines[0]


def test_a_second_server_on_the_same_port_says_so(own_server: OwnServer, tmp_path: Path) -> None:
    with own_server(WORKERS="1") as server:
        other = tmp_path / "other"
        other.mkdir()
        second = Server(other, {"PORT": str(server.port)})
        assert f"port {server.port}" in fails_to_start(second)


def test_an_unwritable_keys_directory_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    server = Server(tmp_path, {"KEYS_DIR": str(tmp_path / "file" / "keys")})
    assert str(tmp_path / "file") in fails_to_start(server)


def test_a_bad_setting_says_so(tmp_path: Path) -> None:
    assert "GRACE_PERIOD" in fails_to_start(Server(tmp_path, {"GRACE_PERIOD": "a while"}))


def test_a_store_that_is_not_there_says_so(tmp_path: Path) -> None:
    server = Server(tmp_path, {"STORE_URL": f"unix://{tmp_path}/nothing"})
    assert "store" in fails_to_start(server)
