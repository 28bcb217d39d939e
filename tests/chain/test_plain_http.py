"""Plain http leaves the private network only where that is allowed."""

import socket

import pytest

from minirelay.chain.endpoint import Endpoint, http_endpoints, open_http
from minirelay.chain.errors import EndpointFailure
from minirelay.chain.plain_http import PublicAddress, is_private, only_private, open_socket
from minirelay.config.urls import EndpointUrl
from minirelay.protocol.json_rpc import Request, Result
from tests.chain.nodes import Node, running

CHAIN_ID = Request("eth_chainId")
PUBLIC = (socket.AF_INET, socket.SOCK_STREAM, 0, "", ("9.9.9.9", 80))
PRIVATE = (socket.AF_INET, socket.SOCK_STREAM, 0, "", ("10.1.2.3", 80))


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "::1",
        "10.0.0.7",
        "172.18.0.2",
        "192.168.1.1",
        "fd00::7",
        "fe80::1%eth0",
        "::ffff:10.0.0.7",
    ],
)
def test_private_addresses(host: str) -> None:
    assert is_private(host)


@pytest.mark.parametrize("host", ["9.9.9.9", "172.32.0.1", "2620:fe::fe", "::ffff:9.9.9.9"])
def test_public_addresses(host: str) -> None:
    assert not is_private(host)


def test_an_ipv4_address_is_what_it_is_in_ipv6() -> None:
    assert is_private("::ffff:10.0.0.7")


def test_only_where_it_is_asked_for() -> None:
    with only_private():
        open_socket(PRIVATE).close()
        with pytest.raises(PublicAddress):
            open_socket(PUBLIC)
    open_socket(PUBLIC).close()


async def test_no_connection_is_opened_to_a_public_address() -> None:
    async with open_http() as http:
        endpoint = Endpoint(http, EndpointUrl("http://9.9.9.9:1/KEY"))
        with pytest.raises(EndpointFailure, match=r"to a public address.*allow_plain_http") as caught:
            await endpoint.ask(CHAIN_ID)
        assert "KEY" not in str(caught.value)


async def test_loopback_needs_no_permission() -> None:
    node = Node()
    async with running(node), open_http() as http:
        (endpoint,) = http_endpoints([node.url], http)
        assert isinstance(await endpoint.ask(CHAIN_ID), Result)
