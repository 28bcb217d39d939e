"""Connections are counted by where they come from, before a byte is read."""

import resource

import msgspec
import pytest

from minirelay.config.limits import LimitSettings
from minirelay.config.networks import Network
from minirelay.web.client_address import ClientAddresses
from minirelay.web.connections import Connections, Place, files_for_connections
from minirelay.web.refusals import Refusals

LIMITS = LimitSettings(connections_per_address=5, silent_connections_per_address=2)
PROXIES = ClientAddresses((Network.parse("10.0.0.0/8"),))


def counted(limits: LimitSettings = LIMITS, max_open: int | None = None) -> Connections:
    return Connections(limits, PROXIES, Refusals(lambda: 0.0), max_open)


def admitted(connections: Connections, address: str, *, is_forwarded: bool = False) -> Place:
    """Let a connection in that has asked for something."""
    place = connections.admit(address)
    assert place is not None
    place.asked(is_forwarded=is_forwarded)
    return place


def test_few_connections_may_be_silent() -> None:
    connections = counted()
    first, second = connections.admit("192.0.2.1"), connections.admit("192.0.2.1")
    assert first is not None
    assert second is not None
    assert connections.admit("192.0.2.1") is None
    assert connections.admit("192.0.2.2") is not None
    first.asked(is_forwarded=False)
    first.asked(is_forwarded=False)
    assert connections.admit("192.0.2.1") is not None
    assert connections.admit("192.0.2.1") is None
    second.leave()
    assert connections.admit("192.0.2.1") is not None
    assert connections.admit("192.0.2.1") is None


def test_connections_that_ask_have_a_ceiling_too() -> None:
    connections = counted()
    places = [admitted(connections, "192.0.2.1") for _ in range(5)]
    assert connections.admit("192.0.2.1") is None
    places[0].leave()
    places[0].leave()
    admitted(connections, "192.0.2.1")
    assert connections.admit("192.0.2.1") is None
    assert connections.open == 5


def test_all_connections_have_a_ceiling_whoever_they_are() -> None:
    connections = counted(LimitSettings(max_connections=2))
    first = connections.admit("192.0.2.1")
    assert first is not None
    assert connections.admit("10.1.1.1") is not None
    assert connections.admit("192.0.2.2") is None
    first.leave()
    assert connections.admit("192.0.2.2") is not None


def test_an_ipv6_network_is_one_peer_and_a_mapped_address_is_ipv4() -> None:
    connections = counted()
    for number in range(2):
        assert connections.admit(f"2001:db8::{number}:1") is not None
        assert connections.admit(("192.0.2.1", "::ffff:192.0.2.1")[number]) is not None
    assert connections.admit("2001:db8::9") is None
    assert connections.admit("192.0.2.1") is None
    assert connections.admit("2001:db8:0:1::9") is not None


def test_a_trusted_proxy_is_not_counted() -> None:
    connections = counted()
    for _ in range(100):
        assert connections.admit("10.1.1.1") is not None


@pytest.mark.parametrize("limit", ["connections_per_address", "silent_connections_per_address"])
def test_zero_is_no_limit(limit: str) -> None:
    ample = LimitSettings(connections_per_address=1000, silent_connections_per_address=1000)
    connections = counted(msgspec.structs.replace(ample, **{limit: 0}))
    for _ in range(999):
        assert connections.admit("192.0.2.1") is not None


def test_all_together_leave_files_to_the_relay(caplog: pytest.LogCaptureFixture) -> None:
    connections = counted(max_open=3)
    places = [connections.admit(address) for address in ("192.0.2.1", "192.0.2.2", "10.1.1.1")]
    assert connections.admit("192.0.2.3") is None
    assert connections.admit("10.1.1.1") is None
    (record,) = caplog.records
    assert "file descriptors" in record.getMessage()
    assert places[0] is not None
    places[0].leave()
    assert connections.admit("192.0.2.3") is not None


def test_a_refused_peer_that_forwards_is_named(caplog: pytest.LogCaptureFixture) -> None:
    connections = counted()
    for number in range(5):
        admitted(connections, "192.0.2.1", is_forwarded=number == 1)
        admitted(connections, "192.0.2.2")
    for address in ("192.0.2.2", "192.0.2.1", "192.0.2.1"):
        assert connections.admit(address) is None
    named = [record for record in caplog.records if "trusted_proxies" in record.getMessage()]
    assert [record.__dict__["peer"] for record in named] == ["192.0.2.1"]


def test_peers_without_a_connection_are_forgotten() -> None:
    connections = counted()
    for number in range(1000):
        admitted(connections, f"2001:db8:{number:x}::1").leave()
    assert connections.open == 0
    assert connections.peer_count == 0


def test_files_are_what_the_system_allows_without_the_reserve(monkeypatch: pytest.MonkeyPatch) -> None:
    for soft, expected in ((1024, 960), (64, 1), (resource.RLIM_INFINITY, None)):
        monkeypatch.setattr(resource, "getrlimit", lambda _, soft=soft: (soft, soft))
        assert files_for_connections(64) == expected
