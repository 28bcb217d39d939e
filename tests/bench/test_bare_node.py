"""A node that does as little as it can is one that the relay can use."""

import pytest

from minirelay.bench.bare_node import BALANCE, bare_node, node_process
from minirelay.chain.balances import BalanceReader
from minirelay.chain.block import read_block, read_block_if_there
from minirelay.chain.chain import Chain
from minirelay.chain.endpoint import http_endpoints, open_http
from minirelay.chain.errors import ChainUnreachable
from minirelay.chain.request_budget import RequestBudget
from minirelay.config.urls import EndpointUrl
from minirelay.protocol.addresses import MULTICALL_ADDRESS, NATIVE_COIN
from minirelay.protocol.json_rpc import read_data, read_quantity

PAIRS = [(token, bytes([n]) * 20) for n in range(1, 30) for token in (NATIVE_COIN, b"\xaa" * 20)]


@pytest.mark.parametrize("has_multicall", [False, True])
async def test_everybody_has_the_same_of_everything(has_multicall: bool) -> None:
    with bare_node(7, has_multicall=has_multicall) as node:
        async with open_http() as http:
            chain = Chain(7, http_endpoints([EndpointUrl(node.url)], http))
            head = await chain.request("eth_getBlockByNumber", ["latest", False], read_block)
            reader = BalanceReader(chain, MULTICALL_ADDRESS)
            found = await reader.read(PAIRS, head.id, RequestBudget(10))
    assert found.amounts == dict.fromkeys(PAIRS, BALANCE)
    assert not found.faults
    # The chain's id, the head, the code, and the balances.
    assert node.requests == 4


async def test_blocks_follow_each_other_when_they_are_mined() -> None:
    with node_process(7) as node:
        async with open_http() as http:
            chain = Chain(7, http_endpoints([EndpointUrl(node.url)], http))
            first = await chain.request("eth_getBlockByNumber", ["latest", False], read_block)
            node.mine()
            second = await chain.request("eth_getBlockByNumber", ["latest", False], read_block)
            beyond = await chain.request(
                "eth_getBlockByNumber", [hex(second.number + 1), False], read_block_if_there
            )
            assert await chain.quantity("eth_getTransactionCount", "0x00", "latest") == 0
            logs = await chain.request("eth_getLogs", [{}], lambda value: value)
        assert node.requests() == 6
    assert (second.number, second.parent) == (first.number + 1, first.hash)
    assert beyond is None
    assert logs == []


async def test_a_call_of_anything_else_gives_a_word_and_what_it_does_not_know_an_error() -> None:
    with bare_node(7) as node:
        async with open_http() as http:
            chain = Chain(7, http_endpoints([EndpointUrl(node.url)], http))
            call = {"to": "0x" + "aa" * 20, "data": "0x70a08231"}
            word = await chain.request("eth_call", [call, "latest"], read_data)
            assert int.from_bytes(word) == BALANCE
            with pytest.raises(ChainUnreachable, match="does not exist"):
                await chain.request("eth_mining", [], read_quantity)
