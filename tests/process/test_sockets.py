"""The port that is listened on is shared with nobody."""

import socket

import pytest
from support.processes import has_ipv6

from token_server.problems import Problem
from token_server.process.sockets import listen, urls_of


def test_a_port_that_was_left_open_is_chosen() -> None:
    [listener] = listen("127.0.0.1", 0)
    with listener:
        port = listener.getsockname()[1]
        assert port
        assert urls_of([listener], scheme="http") == f"http://127.0.0.1:{port}"


def test_a_second_server_gets_no_share_of_the_port() -> None:
    [listener] = listen("127.0.0.1", 0)
    with listener:
        port = listener.getsockname()[1]
        with pytest.raises(Problem, match=f"port {port} of 127.0.0.1 is in use"):
            listen("127.0.0.1", port)


def test_a_port_is_free_again_as_soon_as_it_is_left() -> None:
    """Connections in TIME_WAIT do not keep it."""
    [first] = listen("127.0.0.1", 0)
    address = first.getsockname()
    with socket.create_connection(address):
        first.accept()[0].close()
    first.close()
    [second] = listen(*address)
    second.close()


# None of them is asked of a name server, which may be far away.
@pytest.mark.parametrize("host", ["1::2::3", "a." * 150, "a" * 70, "192.0.2.1"])
def test_a_host_that_is_not_here_is_a_problem(host: str) -> None:
    with pytest.raises(Problem) as problem:
        listen(host, 0)
    assert host in problem.value.text
    assert problem.value.hint == "set TOKEN_SERVER_HOST to an address of this machine"


@pytest.mark.skipif(not has_ipv6(), reason="no IPv6 on this machine")
def test_localhost_is_both_loopback_addresses_on_one_port() -> None:
    listeners = listen("localhost", 0)
    port = listeners[0].getsockname()[1]
    assert [each.getsockname()[:2] for each in listeners] == [("127.0.0.1", port), ("::1", port)]
    assert urls_of(listeners, scheme="http") == f"http://127.0.0.1:{port} and http://[::1]:{port}"
    for each in listeners:
        each.close()


def test_an_address_that_is_not_here_does_not_matter_if_another_one_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As `::1` on a machine without IPv6."""
    found = socket.getaddrinfo("127.0.0.1", 0, type=socket.SOCK_STREAM)
    elsewhere = socket.getaddrinfo("192.0.2.1", 0, type=socket.SOCK_STREAM)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [*elsewhere, *found, *found])
    [listener] = listen("some.name", 0)
    with listener:
        assert listener.getsockname()[0] == "127.0.0.1"
