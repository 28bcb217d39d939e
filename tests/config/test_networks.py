"""Where a relay listens, and which networks it trusts."""

from ipaddress import ip_address

import pytest

from minirelay.config.networks import ListenAddress, Network


def test_networks_hold_addresses() -> None:
    network = Network.parse("10.0.0.0/8")
    assert ip_address("10.1.2.3") in network
    assert ip_address("11.1.2.3") not in network
    assert ip_address("::1") not in network
    assert ip_address("192.0.2.1") in Network.parse("192.0.2.1")
    assert network == Network.parse("10.0.0.0/8")
    assert hash(network) == hash(Network.parse("10.0.0.0/8"))
    assert str(network) == "10.0.0.0/8"


@pytest.mark.parametrize("given", ["", "x", "10.0.0.1/8", "10.0.0.0/33", 5])
def test_networks_that_are_none(given: object) -> None:
    with pytest.raises(ValueError, match=r"address or (a )?range"):
        Network.parse(given)


@pytest.mark.parametrize(
    ("given", "host", "port"),
    [("127.0.0.1:4445", "127.0.0.1", 4445), ("[::1]:0", "::1", 0), ("relay.lan:65535", "relay.lan", 65535)],
)
def test_addresses_to_listen_on(given: str, host: str, port: int) -> None:
    address = ListenAddress.parse(given)
    assert (address.host, address.port, str(address)) == (host, port, given)


def test_nowhere_is_no_address() -> None:
    assert not ListenAddress.parse("")


@pytest.mark.parametrize(
    "given", ["4445", ":4445", "::1:4445", "127.0.0.1:", "127.0.0.1:65536", 4445, "a b:1"]
)
def test_what_is_no_address_to_listen_on(given: object) -> None:
    with pytest.raises(ValueError, match="an address and a port"):
        ListenAddress.parse(given)
