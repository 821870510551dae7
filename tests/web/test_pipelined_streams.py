"""Mutated pipelines of requests: no client can cause an error or a traceback in the log."""

import logging
import socket
import struct
from collections.abc import Iterator
from random import Random

import pytest
from support import hostile
from support.raw_http import ask, connect, get, post, read_answer, rest_of, serving

from token_server.web.hardened import Hardened

STREAMS = 300
RESET_ON_CLOSE = struct.pack("ii", 1, 0)


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with serving(Hardened) as port:
        yield port


def assert_serves_without_errors(port: int, caplog: pytest.LogCaptureFixture) -> None:
    with connect(port) as connection:
        connection.sendall(get(b"Host: a"))
        assert read_answer(connection)[0].startswith(b"HTTP/1.1 200 ")
    assert [each for each in caplog.records if each.levelno >= logging.WARNING] == []


def test_mutated_pipelines_log_no_error(
    port: int, caplog: pytest.LogCaptureFixture, dice: Random
) -> None:
    for stream in hostile.pipelines(dice, STREAMS):
        with connect(port) as connection:
            connection.sendall(stream)
            connection.shutdown(socket.SHUT_WR)
            rest_of(connection)
    assert_serves_without_errors(port, caplog)


def test_a_pipeline_whose_client_resets_the_connection_logs_no_error(
    port: int, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(20):
        with connect(port) as connection:
            connection.sendall(post(b"Content-Length: 0", path=b"/later") * 3)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
    ask(port, post(b"Content-Length: 0", b"Connection: close", path=b"/now"))
    assert_serves_without_errors(port, caplog)
