"""Promise 3 where the store is in trouble: 503, nothing lost, nobody restarts the server."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import httpx
import pytest
from redis import Redis
from support.forms import log_in, refresh
from support.processes import wait_until
from support.server import Server

OwnServer = Callable[..., AbstractContextManager[Server]]
STORE, WORKER = "valkey-server", "process.worker"


def answers(server: Server, path: str = "/livez") -> int:
    try:
        return httpx.get(server.url + path, timeout=4).status_code
    except httpx.TransportError:
        return 0


@contextmanager
def frozen(pid: int) -> Iterator[None]:
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def test_a_worker_that_replaces_another_takes_no_emptied_store_for_a_new_one(
    own_server: OwnServer,
) -> None:
    with own_server(WORKERS="1") as server:
        pair, password = server.pair(), server.user()
        with Redis(unix_socket_path=str(server.store_socket)) as store:
            store.flushall()
        (worker,) = server.pids(WORKER)
        os.kill(worker, signal.SIGKILL)
        wait_until(lambda: answers(server) == 200)
        with httpx.Client(base_url=server.url, timeout=5) as client:
            assert refresh(client, pair.refresh_token).status_code == 503
            assert log_in(client, "alice", password).status_code == 503
            wait_until(lambda: client.get("/readyz").status_code == 503)


def test_a_worker_replaced_while_the_store_is_away_answers_503_and_then_serves(
    own_server: OwnServer,
) -> None:
    with own_server(WORKERS="1") as server:
        token = server.pair().refresh_token
        (store,) = server.pids(STORE)
        with frozen(store), httpx.Client(base_url=server.url, timeout=10) as client:
            (worker,) = server.pids(WORKER)
            os.kill(worker, signal.SIGKILL)
            wait_until(lambda: answers(server) == 200)
            refused = refresh(client, token)
            assert (refused.status_code, refused.headers["Retry-After"]) == (503, "1")
        with httpx.Client(base_url=server.url, timeout=10) as client:
            wait_until(lambda: refresh(client, token).status_code == 200)


@pytest.mark.parametrize("setting", ["maxmemory", "min-replicas-to-write"])
def test_a_store_that_takes_no_writes_is_answered_for_with_503(
    own_server: OwnServer, setting: str
) -> None:
    with own_server(WORKERS="1") as server:
        token = server.pair().refresh_token
        with Redis(unix_socket_path=str(server.store_socket)) as store:
            store.config_set(setting, "1")
            with httpx.Client(base_url=server.url, timeout=5) as client:
                assert refresh(client, token).status_code == 503
                wait_until(lambda: client.get("/readyz").status_code == 503)
                store.config_set(setting, "0")
                assert refresh(client, token).status_code == 200
                wait_until(lambda: client.get("/readyz").status_code == 200)
