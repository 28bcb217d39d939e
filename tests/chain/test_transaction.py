"""Transactions on a real EVM, and through nodes that misbehave."""

import asyncio
import json
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from eth_account import Account
from eth_account.typed_transactions.typed_transaction import TypedTransaction
from hexbytes import HexBytes
from web3 import Web3

from minirelay.chain.chain import Chain
from minirelay.chain.errors import (
    ChainUnreachable,
    NodeRefused,
    Reverted,
    TransactionFailed,
    WalletUnfunded,
)
from minirelay.chain.relay_registry import RelayReg
from minirelay.chain.transaction import RECEIPT_POLLS, Fees, send, suggest_fees
from minirelay.chain.wallet import Wallet
from minirelay.config.values import EndpointUrl
from minirelay.dev.accounts import ACCOUNTS
from minirelay.dev.chain.process import DevChain
from tests.chain.nodes import CHAIN_ID, Bench, Node, chain_over, error, plain, running, said
from tests.chain_fixtures import Contracts

WALLET = Wallet(bytes.fromhex(ACCOUNTS[1].private_key[2:]))
POOR = Wallet(b"\7" * 32)
TOKEN = 12345
CONTRACT = b"\5" * 20


async def no_sleep(_seconds: float) -> None:
    """Let everything else run, but don't wait."""
    await asyncio.sleep(0)


@pytest.fixture
def registry(chain: Chain, contracts: Contracts) -> RelayReg:
    return RelayReg(chain, bytes.fromhex(contracts.relay_reg.address[2:]))


def mint_data(registry: RelayReg, token: int = TOKEN) -> bytes:
    return registry.mint_data(token, WALLET.address, "http://relay.example")


async def test_a_transaction_is_mined(registry: RelayReg, w3: Web3) -> None:
    receipt = await send(registry.chain, WALLET, registry.address, mint_data(registry))
    assert await registry.owner_of(TOKEN) == WALLET.address
    mined = w3.eth.get_transaction(receipt.hash.hex())  # type: ignore[arg-type]
    assert mined["blockNumber"] == receipt.block_number
    assert mined["type"] == 2
    assert mined["maxFeePerGas"] > mined["maxPriorityFeePerGas"]


async def test_one_after_the_other(registry: RelayReg) -> None:
    for token in range(3):
        await send(registry.chain, WALLET, registry.address, mint_data(registry, token))
        assert await registry.owner_of(token) == WALLET.address


async def test_what_would_revert_is_not_sent(registry: RelayReg, w3: Web3) -> None:
    await send(registry.chain, WALLET, registry.address, mint_data(registry))
    before = w3.eth.get_transaction_count(ACCOUNTS[1].address)  # type: ignore[arg-type]
    with pytest.raises(Reverted):
        await send(registry.chain, WALLET, registry.address, mint_data(registry))
    assert w3.eth.get_transaction_count(ACCOUNTS[1].address) == before  # type: ignore[arg-type]


async def test_a_wallet_without_funds_is_told_where_to_send_some(registry: RelayReg) -> None:
    with pytest.raises(WalletUnfunded) as caught:
        await send(registry.chain, POOR, registry.address, mint_data(registry))
    text = str(caught.value)
    assert f"has 0.000000 coins on chain {CHAIN_ID}" in text
    assert "send some to 0x" in text
    assert POOR.address.hex() in text.lower()


async def test_fees_are_the_endpoints_suggestion(chain: Chain, w3: Web3) -> None:
    fees = await suggest_fees(chain)
    base = w3.eth.get_block("latest")["baseFeePerGas"]
    assert fees == Fees(2 * base + fees.tip, fees.tip)
    assert fees.tip == w3.eth.max_priority_fee


async def test_a_second_endpoint_may_have_it_already(
    registry: RelayReg, dev_chain: DevChain, http: aiohttp.ClientSession
) -> None:
    """The first takes the transaction, but fails before it can say so."""

    async def forward(request: web.Request, question: Any) -> web.StreamResponse:
        async with http.post(dev_chain.rpc_url, data=json.dumps(question)) as response:
            body = await response.read()
        if question["method"] == "eth_sendRawTransaction":
            return web.Response(status=502)
        return web.Response(body=body)

    first = Node(behaviour=forward)
    async with running(first):
        chain = Chain(CHAIN_ID, [first.url, EndpointUrl(dev_chain.rpc_url)], http)
        await send(chain, WALLET, registry.address, mint_data(registry))
    assert await registry.owner_of(TOKEN) == WALLET.address


# -- nodes that misbehave


def node(**results: Any) -> Node:
    """Make a node on which a transaction succeeds, but for these results."""
    return Node(
        results={
            "eth_getBalance": hex(10**18),
            "eth_getBlockByNumber": {"baseFeePerGas": "0x64"},
            "eth_maxPriorityFeePerGas": "0xa",
            "eth_estimateGas": "0x186a0",
            "eth_getTransactionCount": "0x5",
            "eth_sendRawTransaction": "0x" + "00" * 32,
            "eth_getTransactionReceipt": {"status": "0x1", "blockNumber": "0x9"},
            **results,
        }
    )


async def send_over(bench: Bench) -> int:
    return (await send(bench.chain, WALLET, CONTRACT, b"\1", sleep=no_sleep)).block_number


def sent_by(one: Node) -> dict[str, Any]:
    raw = one.params[one.asked.index("eth_sendRawTransaction")][0]
    assert Account.recover_transaction(raw) == ACCOUNTS[1].address
    return TypedTransaction.from_bytes(HexBytes(raw)).as_dict()


async def test_what_is_sent() -> None:
    one = node()
    async with chain_over(one) as bench:
        assert await send_over(bench) == 9
    transaction = sent_by(one)
    assert transaction["chainId"] == CHAIN_ID
    assert transaction["nonce"] == 5
    assert transaction["to"] == CONTRACT
    assert transaction["gas"] == 125_000
    assert transaction["maxFeePerGas"] == 210
    assert transaction["maxPriorityFeePerGas"] == 10
    assert one.params[one.asked.index("eth_getTransactionCount")][1] == "pending"


async def test_an_endpoint_that_suggests_no_tip() -> None:
    refuses = error(-32601, "the method does not exist")
    one = node(eth_maxPriorityFeePerGas=refuses, eth_gasPrice=hex(107))
    async with chain_over(one) as bench:
        await send_over(bench)
    assert sent_by(one)["maxPriorityFeePerGas"] == 7
    one = node(eth_maxPriorityFeePerGas=refuses, eth_gasPrice=hex(90))
    async with chain_over(one) as bench:
        await send_over(bench)
    assert sent_by(one)["maxPriorityFeePerGas"] == 0


async def test_a_balance_just_too_small() -> None:
    cost = 125_000 * 210
    async with chain_over(node(eth_getBalance=hex(cost))) as bench:
        assert await send_over(bench) == 9
    one = node(eth_getBalance=hex(cost - 1))
    async with chain_over(one) as bench:
        with pytest.raises(WalletUnfunded):
            await send_over(bench)
    assert "eth_sendRawTransaction" not in one.asked


async def test_a_node_that_finds_the_wallet_empty_first() -> None:
    refuses = error(-32000, "insufficient funds for gas * price + value")
    async with chain_over(node(eth_estimateGas=refuses)) as bench:
        with pytest.raises(WalletUnfunded, match="needs some coins for fees"):
            await send_over(bench)


async def test_an_estimate_that_fails_for_another_reason() -> None:
    async with chain_over(node(eth_estimateGas=error(-32000, "gas required exceeds allowance"))) as bench:
        with pytest.raises(NodeRefused, match="allowance"):
            await send_over(bench)


async def test_a_transaction_that_is_not_taken() -> None:
    one = node(eth_sendRawTransaction=error(-32000, "nonce too low"), eth_getTransactionByHash=None)
    async with chain_over(one) as bench:
        with pytest.raises(NodeRefused, match="nonce too low"):
            await send_over(bench)


async def test_a_transaction_that_is_there_already() -> None:
    one = node(
        eth_sendRawTransaction=error(-32000, "already known"), eth_getTransactionByHash={"nonce": "0x5"}
    )
    async with chain_over(one) as bench:
        assert await send_over(bench) == 9


async def test_a_transaction_that_fails() -> None:
    async with chain_over(node(eth_getTransactionReceipt={"status": "0x0", "blockNumber": "0x9"})) as bench:
        with pytest.raises(TransactionFailed, match="failed"):
            await send_over(bench)


async def test_waiting_until_it_is_mined() -> None:
    answers = iter([None, None, {"status": "0x1", "blockNumber": "0x9"}])

    async def receipt(_request: web.Request, question: Any) -> web.StreamResponse:
        return said(question, result=next(answers))

    one = node(eth_getTransactionReceipt=receipt)
    async with chain_over(one) as bench:
        assert await send_over(bench) == 9
    assert one.asked.count("eth_getTransactionReceipt") == 3


async def test_a_transaction_that_is_never_mined() -> None:
    one = node(eth_getTransactionReceipt=None)
    async with chain_over(one) as bench:
        with pytest.raises(TransactionFailed, match="was sent, but not seen mined within 300 s"):
            await send_over(bench)
    assert one.asked.count("eth_getTransactionReceipt") == RECEIPT_POLLS


async def test_an_endpoint_that_fails_while_it_waits() -> None:
    one = node(eth_getTransactionReceipt=plain("", 500))
    async with chain_over(one) as bench:

        async def sleep(_seconds: float) -> None:
            bench.clock.now += 60
            one.results["eth_getTransactionReceipt"] = {"status": "0x1", "blockNumber": "0x9"}

        assert (await send(bench.chain, WALLET, CONTRACT, b"\1", sleep=sleep)).block_number == 9


@pytest.mark.parametrize(
    "results",
    [
        {"eth_getBlockByNumber": None},
        {"eth_getBlockByNumber": {}},
        {"eth_getBlockByNumber": {"baseFeePerGas": "much"}},
        {"eth_getBalance": "0x" + "f" * 65},
        {"eth_estimateGas": 5},
        {"eth_getTransactionCount": None},
        {"eth_sendRawTransaction": None},
    ],
)
async def test_garbage_is_a_failure_of_the_endpoint(results: dict[str, Any]) -> None:
    async with chain_over(node(**results)) as bench:
        with pytest.raises(ChainUnreachable):
            await send_over(bench)


@pytest.mark.parametrize("receipt", ["0x1", {}, {"status": "0x1"}, {"status": True, "blockNumber": "0x9"}])
async def test_garbage_for_a_receipt_is_waited_out(receipt: object) -> None:
    async with chain_over(node(eth_getTransactionReceipt=receipt)) as bench:
        with pytest.raises(TransactionFailed, match="it still may be; no endpoint"):
            await send_over(bench)
