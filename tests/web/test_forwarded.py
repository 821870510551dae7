"""The address of a client behind trusted proxies, and nobody else's word for it."""

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from starlette.types import Receive, Scope, Send
from support.processes import wait_until
from support.raw_http import connect, echo, get, post, read_answer, serving
from uvicorn.config import Config
from uvicorn.server import ServerState

from token_server.web.forwarded import MAX_MEMBERS, TrustedProxies
from token_server.web.hardened import Hardened

PROXY = "10.0.0.1"
PROXIES = TrustedProxies(["10.0.0.0/8", "2001:db8:ffff::/48"])


def client_of(*lines: str) -> str:
    fields = (line.partition(": ") for line in lines)
    return PROXIES.client_of(PROXY, [(name.lower().encode(), v.encode()) for name, _, v in fields])


CHAINS = {
    # The right-most address that is no trusted proxy.
    "X-Forwarded-For: 192.0.2.1": "192.0.2.1",
    "X-Forwarded-For: 198.51.100.9, 192.0.2.1": "192.0.2.1",
    "X-Forwarded-For: 198.51.100.9, 192.0.2.1, 10.1.2.3,10.0.0.9": "192.0.2.1",
    "X-Forwarded-For: 10.0.0.3, 10.0.0.2": "10.0.0.3",
    "Forwarded: for=192.0.2.1": "192.0.2.1",
    "Forwarded: for=198.51.100.9, for=192.0.2.1;proto=https;by=10.0.0.2": "192.0.2.1",
    'Forwarded: For="[2001:db8::1]:4711", for="10.0.0.2:80"': "2001:db8::1",
    'Forwarded: proto=http ; host="a,b;c" ; FOR="192.0.2.1"': "192.0.2.1",
    # Ports, brackets, IPv4-mapped addresses.
    "X-Forwarded-For: 192.0.2.1:5678": "192.0.2.1",
    "X-Forwarded-For: 2001:db8::1": "2001:db8::1",
    "X-Forwarded-For: [2001:DB8::1]:5678": "2001:db8::1",
    "X-Forwarded-For: ::ffff:192.0.2.1": "192.0.2.1",
    "X-Forwarded-For: 192.0.2.1, ::ffff:10.0.0.2": "192.0.2.1",
    'Forwarded: for="192.0.2.1:_port"': "192.0.2.1",
    # A malformed member ends the chain: the proxy that sent it counts.
    "X-Forwarded-For: 192.0.2.1, unknown": PROXY,
    "X-Forwarded-For: 192.0.2.1, unknown, 10.0.0.2": "10.0.0.2",
    "X-Forwarded-For: 192.0.2.1, ": PROXY,
    "X-Forwarded-For: 192.0.2.256": PROXY,
    "X-Forwarded-For: 192.0.2.1%eth0": PROXY,
    "X-Forwarded-For: fe80::1%eth0": PROXY,
    "X-Forwarded-For: 192.0.2.01": PROXY,
    "Forwarded: for=_hidden": PROXY,
    "Forwarded: for=unknown": PROXY,
    "Forwarded: proto=https": PROXY,
    "Forwarded: for=192.0.2.1;for=192.0.2.2": PROXY,
    "Forwarded: for = 192.0.2.1": PROXY,
    'Forwarded: for="192.0.2.1': PROXY,
    # A quote that a client leaves open must not hide what the proxy adds.
    'Forwarded: for="198.51.100.9, for=192.0.2.1': PROXY,
    'Forwarded: for=198.51.100.9;a=", for="[2001:db8::1]"': PROXY,
    'Forwarded: a="\\", for=192.0.2.1': PROXY,
    "Forwarded: " + "for=198.51.100.9," * 1000 + "for=192.0.2.1": PROXY,
    "X-Forwarded-For: " + "198.51.100.9," * 1000 + "192.0.2.1": "192.0.2.1",
    "X-Forwarded-For: 192.0.2.1" + ", 10.0.0.2" * MAX_MEMBERS: "10.0.0.2",
}


@pytest.mark.parametrize("line", CHAINS, ids=lambda line: line[:60])
def test_client_is_the_right_most_address_that_is_not_trusted(line: str) -> None:
    assert client_of(line) == CHAINS[line]


def test_several_lines_of_one_header_are_one_list() -> None:
    assert client_of("X-Forwarded-For: 192.0.2.1", "X-Forwarded-For: 10.0.0.2") == "192.0.2.1"
    assert client_of("Forwarded: for=192.0.2.1", "forwarded: for=10.0.0.2") == "192.0.2.1"


def test_two_headers_that_disagree_are_both_ignored() -> None:
    assert client_of("Forwarded: for=198.51.100.9", "X-Forwarded-For: 192.0.2.1") == PROXY
    assert client_of("X-Forwarded-For: 192.0.2.1", "Forwarded: nonsense") == PROXY
    assert client_of("X-Forwarded-For: 192.0.2.1", "Forwarded: for=192.0.2.1") == "192.0.2.1"


def test_no_header_leaves_the_address_of_the_proxy() -> None:
    assert client_of("X-Real-IP: 192.0.2.1", "Via: 1.1 192.0.2.1") == PROXY


@pytest.mark.parametrize(
    ("peer", "is_trusted"),
    [
        ("10.255.0.1", True),
        ("::ffff:10.0.0.1", True),
        ("2001:db8:ffff::9", True),
        ("11.0.0.1", False),
        ("2001:db8:fffe::9", False),
        ("unknown", False),
    ],
)
def test_peer_is_trusted_by_its_network(peer: str, *, is_trusted: bool) -> None:
    assert PROXIES.trusts(peer) is is_trusted
    assert not TrustedProxies().trusts(peer)


async def show_scope(scope: Scope, _receive: Receive, send: Send) -> None:
    shown = f'{{"client":"{scope["client"][0]}","scheme":"{scope["scheme"]}"}}'.encode()
    length = (b"content-length", str(len(shown)).encode())
    await send({"type": "http.response.start", "status": 200, "headers": [length]})
    await send({"type": "http.response.body", "body": shown})


class BehindProxy(Hardened):
    """A peer in 127.0.0.1/32 is a trusted proxy."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        proxies = TrustedProxies(["127.0.0.1"])
        super().__init__(config, server_state, app_state, _loop, trusted_proxies=proxies)


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with serving(BehindProxy, show_scope) as listening:
        yield listening


FORGED = get(
    b"Host: evil.example",
    b"X-Forwarded-For: 192.0.2.1",
    b"X-Forwarded-Proto: https",
    b"X-Forwarded-Host: evil.example",
)


def test_trusted_proxy_gives_the_address_of_the_client_and_nothing_else(port: int) -> None:
    with connect(port) as connection:
        connection.sendall(FORGED)
        assert read_answer(connection)[1] == {"client": "192.0.2.1", "scheme": "http"}
        connection.sendall(get(b"Host: a"))  # The next request on it is another client's.
        assert read_answer(connection)[1]["client"] == "127.0.0.1"


def test_header_of_an_untrusted_peer_changes_nothing(port: int) -> None:
    with connect(port, source="127.0.0.2") as connection:
        connection.sendall(FORGED)
        assert read_answer(connection)[1] == {"client": "127.0.0.2", "scheme": "http"}


class FewBehindProxy(BehindProxy):
    MAX_AT_ONCE = 16


def test_client_of_a_trusted_proxy_keeps_no_other_client_of_it_out() -> None:
    """The slots are shared by the networks of the clients, not by the proxies."""
    began: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        began.append(scope["path"])
        await echo(scope, receive, send)

    def request(client: bytes, path: bytes) -> bytes:
        return post(b"Content-Length: 0", b"X-Forwarded-For: " + client, path=path)

    with serving(FewBehindProxy, app) as port, ExitStack() as flood:
        for _ in range(FewBehindProxy.MAX_AT_ONCE):
            flood.enter_context(connect(port)).sendall(request(b"192.0.2.1", b"/never"))
        wait_until(lambda: len(began) == FewBehindProxy.MAX_AT_ONCE)
        for client, expected in ((b"192.0.2.9", b"503"), (b"198.51.100.1", b"200")):
            with connect(port) as connection:
                connection.sendall(request(client, b"/t"))
                assert read_answer(connection)[0][9:12] == expected
