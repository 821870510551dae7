"""Each worker holds its share of the connections, however they come."""

import os
import signal
import socket
import ssl
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from support.launched import Launched, launched
from support.processes import wait_until
from support.profiles import often
from support.tls import tls_files

CONNECTIONS = 64
SHARE_OF_TWO = 0.6 * CONNECTIONS
SHARE_OF_FOUR = 1.5 * CONNECTIONS / 4
TRIALS = 5
WHO_IS_IT = b"GET /pid HTTP/1.1\r\nHost: a\r\n\r\n"
AND_CLOSE = WHO_IS_IT.replace(b"Host", b"Connection: close\r\nHost")


@contextmanager
def opened(server: Launched, *, one_by_one: bool) -> Iterator[Counter[str]]:
    """So many connections; how many of them each worker answers on."""
    with ExitStack() as held:
        seen: Counter[str] = Counter()
        connections = []
        for _ in range(CONNECTIONS):
            connection = held.enter_context(connected(server))
            connections.append(connection)
            connection.sendall(WHO_IS_IT)
            if one_by_one:
                seen[worker_of(connection)] += 1
        if not one_by_one:
            seen.update(worker_of(each) for each in connections)
        yield seen
        # The workers know of the end of each before the next ones come.
        for each in connections:
            each.sendall(AND_CLOSE)
        for each in connections:
            while each.recv(4096):
                pass


def connected(server: Launched) -> socket.socket:
    plain = socket.create_connection(("127.0.0.1", server.port), timeout=30)
    if server.url.startswith("http:"):
        return plain
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(server.folder / "cert.pem")
    return context.wrap_socket(plain, server_hostname="127.0.0.1")


def worker_of(connection: socket.socket) -> str:
    head, _, body = connection.recv(4096).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 ")
    return body.decode()


@pytest.mark.parametrize("with_tls", [False, True], ids=["plain", "tls"])
@pytest.mark.parametrize(("workers", "share"), [(2, SHARE_OF_TWO), (4, SHARE_OF_FOUR)])
def test_no_worker_holds_more_than_its_share(
    tmp_path: Path, workers: int, share: float, *, with_tls: bool
) -> None:
    settings = tls_files(tmp_path) if with_tls else {}
    with launched(tmp_path, settings | {"WORKERS": str(workers)}) as server:
        for trial in range(often(TRIALS)):
            with opened(server, one_by_one=bool(trial % 2)) as seen:
                assert len(seen) == workers
                assert max(seen.values()) <= share, seen


@pytest.mark.parametrize("one_by_one", [True, False], ids=["one by one", "at once"])
def test_a_busy_worker_holds_its_share(tmp_path: Path, *, one_by_one: bool) -> None:
    with launched(tmp_path) as server, connected(server) as busy:
        busy.sendall(b"GET /busy HTTP/1.1\r\nHost: a\r\n\r\n")
        assert busy.recv(4096).startswith(b"HTTP/1.1 200 ")
        with opened(server, one_by_one=one_by_one) as seen:
            assert max(seen.values()) <= SHARE_OF_TWO, seen


def test_nobody_waits_for_a_worker_that_is_stuck(tmp_path: Path) -> None:
    with launched(tmp_path) as server:
        stuck, other = server.workers()
        os.kill(stuck, signal.SIGSTOP)
        with opened(server, one_by_one=False) as seen:
            assert seen == {str(other): CONNECTIONS}
        os.kill(stuck, signal.SIGCONT)


def test_who_takes_a_dead_workers_place_holds_its_share(tmp_path: Path) -> None:
    with launched(tmp_path) as server:
        old = server.workers()
        os.kill(old[0], signal.SIGKILL)
        wait_until(lambda: str(old[0]) not in map(str, server.workers()))
        wait_until(lambda: len({server.get("/pid") for _ in range(8)}) == len(old))
        with opened(server, one_by_one=True) as seen:
            assert max(seen.values()) <= SHARE_OF_TWO, seen


def test_a_worker_that_leaves_is_left_no_connection(tmp_path: Path) -> None:
    with launched(tmp_path) as server, ExitStack() as until_then:
        leaving, other = server.workers()
        # So many that both workers have some of them.
        held = [until_then.enter_context(connected(server)) for _ in range(8)]
        for each in held:
            each.sendall(WHO_IS_IT.replace(b"/pid", b"/held"))
        with (tmp_path / "gate").open("w"):
            os.kill(leaving, signal.SIGTERM)
            wait_until(lambda: {server.get("/pid") for _ in range(8)} == {str(other)})
            assert leaving in server.workers()
        assert all(each.recv(4096).startswith(b"HTTP/1.1 200 ") for each in held)
