"""The listening sockets share one port among themselves, and with nobody else."""

import socket
import sys
from collections import Counter
from contextlib import ExitStack

import pytest

from token_server.problems import Problem
from token_server.process.sockets import listen, url_of


def test_a_port_that_was_left_open_is_chosen_once_for_all_workers() -> None:
    with ExitStack() as stack:
        listeners = [stack.enter_context(each) for each in listen("127.0.0.1", 0, workers=3)]
        assert len(listeners) == 3
        assert len({each.getsockname() for each in listeners}) == 1
        assert url_of(listeners[0], scheme="http").startswith("http://127.0.0.1:")


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere one socket is shared")
def test_connections_are_spread_over_the_sockets() -> None:
    with ExitStack() as stack:
        listeners = [stack.enter_context(each) for each in listen("127.0.0.1", 0, workers=2)]
        for _ in range(200):
            stack.enter_context(socket.create_connection(listeners[0].getsockname()))
        taken: Counter[int] = Counter()
        for number, listener in enumerate(listeners):
            listener.settimeout(0)
            for _ in range(200):
                try:
                    stack.enter_context(listener.accept()[0])
                except BlockingIOError:
                    break
                taken[number] += 1
        assert taken.total() == 200
        assert min(taken.values()) > 50


def test_a_second_server_gets_no_share_of_the_port() -> None:
    with ExitStack() as stack:
        for each in listen("127.0.0.1", 0, workers=2):
            port = stack.enter_context(each).getsockname()[1]
        with pytest.raises(Problem, match=f"port {port} of 127.0.0.1 is in use"):
            listen("127.0.0.1", port, workers=2)


def test_a_port_is_free_again_as_soon_as_it_is_left() -> None:
    """Connections in TIME_WAIT do not keep it."""
    [first] = listen("127.0.0.1", 0, workers=1)
    address = first.getsockname()
    with socket.create_connection(address):
        first.accept()[0].close()
    first.close()
    [second] = listen(*address, workers=1)
    second.close()


# None of them is asked of a name server, which may be far away.
@pytest.mark.parametrize("host", ["1::2::3", "a." * 150, "a" * 70, "192.0.2.1"])
def test_a_host_that_is_not_here_is_a_problem(host: str) -> None:
    with pytest.raises(Problem) as problem:
        listen(host, 0, workers=1)
    assert host in problem.value.text
    assert problem.value.hint == "set TOKEN_SERVER_HOST to an address of this machine"
