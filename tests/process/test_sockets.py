"""The port that is listened on is shared with nobody."""

import socket

import pytest

from token_server.problems import Problem
from token_server.process.sockets import listen, url_of


def test_a_port_that_was_left_open_is_chosen() -> None:
    with listen("127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]
        assert port
        assert url_of(listener, scheme="http") == f"http://127.0.0.1:{port}"


def test_a_second_server_gets_no_share_of_the_port() -> None:
    with listen("127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(Problem, match=f"port {port} of 127.0.0.1 is in use"):
            listen("127.0.0.1", port)


def test_a_port_is_free_again_as_soon_as_it_is_left() -> None:
    """Connections in TIME_WAIT do not keep it."""
    first = listen("127.0.0.1", 0)
    address = first.getsockname()
    with socket.create_connection(address):
        first.accept()[0].close()
    first.close()
    listen(*address).close()


# None of them is asked of a name server, which may be far away.
@pytest.mark.parametrize("host", ["1::2::3", "a." * 150, "a" * 70, "192.0.2.1"])
def test_a_host_that_is_not_here_is_a_problem(host: str) -> None:
    with pytest.raises(Problem) as problem:
        listen(host, 0)
    assert host in problem.value.text
    assert problem.value.hint == "set TOKEN_SERVER_HOST to an address of this machine"
