"""The network prefix of a client's address."""

import pytest

from token_server.networks import network_of


@pytest.mark.parametrize(
    ("address", "verifier", "peer", "log_in"),
    [
        ("192.0.2.77", "192.0.2.0/24", "192.0.2.0/24", "192.0.2.77/32"),
        ("::ffff:192.0.2.77", "192.0.2.0/24", "192.0.2.0/24", "192.0.2.77/32"),
        ("2001:db8:1:2:3::4", "2001:db8:1::/48", "2001:db8:1:2::/64", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/48", "fe80::/64", "fe80::/64"),
        ("unknown", "unknown", "unknown", "unknown"),
        ("", "unknown", "unknown", "unknown"),
    ],
)
def test_network_is_cut_at_the_prefix_and_mapped_ipv4_is_ipv4(
    address: str, verifier: str, peer: str, log_in: str
) -> None:
    assert network_of(address, ipv6=48) == verifier
    assert network_of(address) == peer
    assert network_of(address, ipv4=32) == log_in
