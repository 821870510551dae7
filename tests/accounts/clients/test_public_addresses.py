"""Which addresses a name in a jwks_uri may lead to."""

import asyncio
import socket
from ipaddress import ip_address

import pytest
from support.desk import KEYS
from support.key_server import answered, key_server, key_set

from token_server.accounts.clients.fetching import JwksFetcher
from token_server.accounts.clients.public_addresses import is_public
from token_server.accounts.clients.registered import JwksUri
from token_server.problems import Problem

PUBLIC = ("93.184.216.34", "2606:2800:220:1::1", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8")
NOT_PUBLIC = (
    *("127.0.0.1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "192.0.0.170"),
    *("0.0.0.0", "224.0.0.1", "255.255.255.255", "100.64.0.1", "192.0.2.1"),  # noqa: S104 - not bound
    *("198.18.0.1", "198.51.100.1", "203.0.113.1", "192.88.99.1", "240.0.0.1"),
    *("::1", "::", "fe80::1", "fe80::1%1", "fc00::1", "fd00:ec2::254", "fec0::1", "ff02::1"),
    # IPv4 addresses embedded: mapped, compatible, translated, NAT64, 6to4, Teredo, ISATAP.
    *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::ffff:100.64.0.1"),
    *("::7f00:1", "::8.8.8.8", "::ffff:0:7f00:1", "::ffff:0:8.8.8.8"),
    *("64:ff9b::a9fe:a9fe", "64:ff9b::10.0.0.1", "64:ff9b:1::1", "64:ff9b:1::8.8.8.8"),
    *("2002:a00:1::1", "2002:7f00:1::", "2001:0:a00:1::1", "2606:2800:220:1:0:5efe:a00:1"),
    *("2606:2800:220:1:200:5efe:7f00:1", "2001:db8::1", "3fff::1", "3ffe::1", "2001:2::1"),
    *("100::1", "5f00::1", "4000::1"),
)


@pytest.mark.parametrize("address", PUBLIC)
def test_an_address_of_the_whole_internet_is_public(address: str) -> None:
    assert is_public(ip_address(address))


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_any_other_address_is_not_public(address: str) -> None:
    assert not is_public(ip_address(address))


@pytest.mark.anyio
@pytest.mark.parametrize("private", ["127.0.0.1", "64:ff9b::7f00:1", "fec0::1"])
@pytest.mark.parametrize("first", [True, False])
async def test_a_name_with_a_public_and_a_private_address_is_not_fetched(
    monkeypatch: pytest.MonkeyPatch, private: str, *, first: bool
) -> None:
    addresses = [private, "93.184.216.34"] if first else ["93.184.216.34", private]

    async def resolve(_host: str, port: int, **_: object) -> list[tuple[object, ...]]:
        return [(socket.AF_INET, 0, 0, "", (address, port)) for address in addresses]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", resolve)
    with pytest.raises(Problem, match="its name leads into a private network"):
        await JwksFetcher()(JwksUri("https://keys.example/jwks"))


@pytest.mark.anyio
async def test_no_proxy_of_the_environment_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    async with key_server(answered(key_set("portal"))) as server, key_server(b"") as proxy:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            for spelling in (name, name.lower()):
                monkeypatch.setenv(spelling, f"http://127.0.0.1:{proxy.port}")
        monkeypatch.setenv("NO_PROXY", "")
        monkeypatch.setenv("no_proxy", "")
        (key,) = await JwksFetcher(within_seconds=5)(JwksUri(server.uri))
        assert key.kid == KEYS["portal"].kid
        assert (len(server.requests), proxy.requests) == (1, [])
