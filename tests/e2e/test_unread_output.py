"""A server whose output is not read: it starts, answers and ends all the same."""

import fcntl
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from support.forms import refresh
from support.processes import free_port, wait_until
from support.server import Server

A_PAGE = 4096
BAD_TOKENS = 60


@pytest.fixture
def full_pipe() -> Iterator[int]:
    """The end to write to; nothing reads the other one."""
    read_end, write_end = os.pipe()
    size = fcntl.fcntl(write_end, fcntl.F_SETPIPE_SZ, A_PAGE)
    os.write(write_end, b"x" * size)
    yield write_end
    os.close(read_end)
    os.close(write_end)


def test_a_server_whose_output_is_not_read_starts_answers_and_ends(
    tmp_path: Path, full_pipe: int
) -> None:
    port = free_port()
    server = Server(tmp_path, {"PORT": str(port), "WORKERS": "1"})
    server.start(wait=False, stdout=full_pipe, stderr=full_pipe)
    assert server.process is not None
    with httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:

        def is_ready() -> bool:
            try:
                return client.get("/readyz").status_code == 200
            except httpx.TransportError:
                return False

        wait_until(is_ready)
        for _ in range(BAD_TOKENS):
            assert refresh(client, "x.y.z").status_code == 401
        assert client.get("/livez").status_code == 200
    server.process.send_signal(signal.SIGTERM)
    # A worker that waited for a reader would be given up after 20 s.
    assert server.process.wait(10) == 0
