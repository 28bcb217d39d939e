"""web3 over the endpoints of a chain."""

from typing import Any

import pytest
from web3.exceptions import TransactionNotFound
from web3.types import RPCEndpoint

from minirelay.chain.errors import ChainUnreachable, NodeRefused, Reverted
from minirelay.chain.web3_provider import ChainProvider, connect
from tests.chain.nodes import Node, chain_over, error, plain

ADDRESS = "0x" + "11" * 20
HASH = "0x" + "22" * 32
RECEIPT = {"transactionHash": HASH, "status": "0x1", "blockNumber": "0x9"}


async def test_web3_fails_over_as_the_chain_does() -> None:
    first, second = Node(behaviour=plain("", 500)), Node(results={"eth_getTransactionCount": "0x7"})
    async with chain_over(first, second) as bench:
        web3 = connect(bench.chain)
        for _ in range(2):
            assert await web3.eth.get_transaction_count(web3.to_checksum_address(ADDRESS)) == 7
    assert len(first.asked) == 1


@pytest.mark.parametrize("result", [None, "0x", 7, {}, "0x" + "f" * 65])
async def test_web3_gets_only_what_it_can_use(result: object) -> None:
    bad, good = (
        Node(results={"eth_chainId": None, "eth_estimateGas": result}),
        Node(results={"eth_estimateGas": "0x9"}),
    )
    async with chain_over(bad, good) as bench:
        assert await connect(bench.chain).eth.estimate_gas({}) == 9
    assert "eth_estimateGas" in bad.asked


async def test_blocks_and_receipts_are_cut_to_what_is_needed() -> None:
    strange: dict[str, Any] = {"logs": [{"topics": 5}], "gasUsed": "much", "uncles": {}}
    results = {
        "eth_getTransactionReceipt": {**RECEIPT, **strange},
        "eth_getBlockByNumber": {"baseFeePerGas": "0x64", **strange},
    }
    async with chain_over(Node(results=results)) as bench:
        web3 = connect(bench.chain)
        receipt = await web3.eth.get_transaction_receipt(HASH)  # type: ignore[arg-type]
        assert {name: receipt[name] for name in ("status", "blockNumber")} == {"status": 1, "blockNumber": 9}
        assert dict(await web3.eth.get_block("latest")) == {"baseFeePerGas": 100}


async def test_a_receipt_that_is_not_there_yet() -> None:
    async with chain_over(Node(results={"eth_getTransactionReceipt": None})) as bench:
        with pytest.raises(TransactionNotFound):
            await connect(bench.chain).eth.get_transaction_receipt(HASH)  # type: ignore[arg-type]


async def test_what_the_chain_says_goes_through_as_it_is() -> None:
    node = Node(results={"eth_estimateGas": error(3, "execution reverted: NOT_MINTED")})
    async with chain_over(node) as bench:
        web3 = connect(bench.chain)
        with pytest.raises(Reverted, match="NOT_MINTED"):
            await web3.eth.estimate_gas({})
        node.results["eth_estimateGas"] = error(-32000, "gas required exceeds allowance")
        with pytest.raises(NodeRefused, match="allowance"):
            await web3.eth.estimate_gas({})
        node.behaviour = plain("", 500)
        with pytest.raises(ChainUnreachable):
            await web3.eth.estimate_gas({})


@pytest.mark.parametrize(("price", "tip"), [(107, 7), (90, 0)])
async def test_a_tip_where_none_is_suggested(price: int, tip: int) -> None:
    results = {
        "eth_maxPriorityFeePerGas": error(-32601, "the method does not exist"),
        "eth_gasPrice": hex(price),
        "eth_getBlockByNumber": {"baseFeePerGas": "0x64"},
    }
    async with chain_over(Node(results=results)) as bench:
        assert await connect(bench.chain).eth.max_priority_fee == tip


async def test_methods_that_sending_does_not_need_are_not_asked() -> None:
    node = Node()
    async with chain_over(node) as bench:
        with pytest.raises(RuntimeError, match="eth_accounts"):
            await ChainProvider(bench.chain).make_request(RPCEndpoint("eth_accounts"), [])
    assert node.requests == 0
