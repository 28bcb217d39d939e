"""Who a client is: peers, trusted proxies, what an address counts as."""

import pytest
from aiohttp.test_utils import make_mocked_request

from minirelay.config.networks import Network
from minirelay.web.client_address import ClientAddresses, client_address, counted_as

PROXIES = (Network.parse("10.0.0.0/8"), Network.parse("fd00::/8"))


@pytest.mark.parametrize(
    ("peer", "forwarded", "expected"),
    [
        ("192.0.2.1", [], "192.0.2.1"),
        ("192.0.2.1", ["198.51.100.7"], "192.0.2.1"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", ["198.51.100.7"], "198.51.100.7"),
        ("10.0.0.1", ["203.0.113.9, 198.51.100.7"], "198.51.100.7"),
        ("10.0.0.1", ["203.0.113.9, 198.51.100.7, 10.2.3.4"], "198.51.100.7"),
        ("10.0.0.1", ["203.0.113.9", "198.51.100.7"], "198.51.100.7"),
        ("10.0.0.1", ["203.0.113.9,10.9.9.9", "10.2.3.4"], "203.0.113.9"),
        ("10.0.0.1", ["10.5.5.5"], "10.5.5.5"),
        ("10.0.0.1", ["198.51.100.7:4711"], "198.51.100.7"),
        ("10.0.0.1", ["[2001:db8::1]:4711"], "2001:db8::1"),
        ("10.0.0.1", ["2001:db8:0::1"], "2001:db8::1"),
        ("10.0.0.1", ["rubbish"], "10.0.0.1"),
        ("10.0.0.1", ["198.51.100.7, rubbish"], "10.0.0.1"),
        ("10.0.0.1", ["rubbish, 198.51.100.7"], "198.51.100.7"),
        ("10.0.0.1", ["198.51.100.7, , 10.1.1.1"], "10.1.1.1"),
        ("10.0.0.1", [""], "10.0.0.1"),
        ("::ffff:10.0.0.1", ["198.51.100.7"], "198.51.100.7"),
        ("::ffff:192.0.2.1", ["198.51.100.7"], "192.0.2.1"),
        ("fd00::1", ["::ffff:198.51.100.7"], "198.51.100.7"),
        ("fe80::1%eth0", [], "fe80::1"),
        (None, ["198.51.100.7"], "unknown"),
        ("", [], "unknown"),
    ],
)
def test_client_address(peer: str | None, forwarded: list[str], expected: str) -> None:
    assert client_address(peer, forwarded, PROXIES) == expected


def test_without_trusted_proxies_nothing_is_believed() -> None:
    assert client_address("10.0.0.1", ["198.51.100.7"], ()) == "10.0.0.1"


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("64:ff9b::192.0.2.1", "64:ff9b::/64"),
        ("unknown", "unknown"),
        ("", ""),
    ],
)
def test_an_ipv6_client_counts_as_its_network(address: str, expected: str) -> None:
    assert counted_as(address) == expected


def test_proxies_are_told_by_their_address() -> None:
    addresses = ClientAddresses(PROXIES)
    assert addresses.is_trusted("10.1.2.3")
    assert addresses.is_trusted("::ffff:10.1.2.3")
    assert not addresses.is_trusted("192.0.2.1")
    assert not addresses.is_trusted("unknown")
    assert addresses.of(make_mocked_request("GET", "/", headers={"X-Forwarded-For": "10.1.2.3"})) == "unknown"
