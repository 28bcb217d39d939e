"""Transactions on a real EVM, and through nodes that misbehave."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Awaitable, Callable
from itertools import count
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from eth_account import Account
from eth_account.typed_transactions.typed_transaction import TypedTransaction
from hexbytes import HexBytes
from web3 import Web3

from minirelay.chain.chain import Chain
from minirelay.chain.endpoint import http_endpoints, open_http
from minirelay.chain.errors import (
    ChainUnreachable,
    NodeRefused,
    Reverted,
    TransactionFailed,
    TransactionPending,
    WalletUnfunded,
)
from minirelay.chain.relay_registry import RelayReg
from minirelay.chain.sending import PlannedTransaction, Receipt, Sender, Sent
from minirelay.chain.wallet import Wallet
from minirelay.config.urls import EndpointUrl
from minirelay.dev.accounts import ACCOUNTS
from minirelay.dev.chain.process import DevChain
from tests.chain.nodes import CHAIN_ID, Bench, Node, chain_over, error, running, said
from tests.chain_fixtures import Contracts

WALLET = Wallet(bytes.fromhex(ACCOUNTS[1].private_key[2:]))
POOR = Wallet(b"\7" * 32)
TOKEN = 12345
CONTRACT = b"\5" * 20
Note = Callable[[Sent], Awaitable[None]]


@pytest.fixture
def registry(chain: Chain, contracts: Contracts) -> RelayReg:
    return RelayReg(chain, bytes.fromhex(contracts.relay_reg.address[2:]))


async def mint(registry: RelayReg, wallet: Wallet = WALLET, token: int = TOKEN) -> Receipt:
    sender = Sender(registry.chain, wallet, poll_s=0.01)
    planned = await sender.plan(registry.minting(token, wallet.address, "http://relay.example"))
    return await sender.send(planned)


async def test_a_transaction_is_mined(registry: RelayReg, w3: Web3) -> None:
    receipt = await mint(registry)
    assert await registry.owner_of(TOKEN) == WALLET.address
    mined = w3.eth.get_transaction(receipt.hash.hex())  # type: ignore[arg-type]
    assert mined["blockNumber"] == receipt.block_number
    assert mined["type"] == 2


async def test_what_is_planned_is_not_sent_yet(registry: RelayReg, w3: Web3) -> None:
    sender = Sender(registry.chain, WALLET)
    planned = await sender.plan(registry.minting(TOKEN, WALLET.address, "http://relay.example"))
    assert await registry.owner_of(TOKEN) is None
    assert planned.balance == w3.eth.get_balance(ACCOUNTS[1].address)  # type: ignore[arg-type]
    assert 0 < planned.highest_cost < planned.balance


async def test_fees_are_the_endpoints_suggestion(registry: RelayReg, w3: Web3) -> None:
    receipt = await mint(registry)
    mined = w3.eth.get_transaction(receipt.hash.hex())  # type: ignore[arg-type]
    before = w3.eth.get_block(receipt.block_number - 1)["baseFeePerGas"]
    assert mined["maxPriorityFeePerGas"] == w3.eth.max_priority_fee
    assert mined["maxFeePerGas"] == 2 * before + w3.eth.max_priority_fee


async def test_one_wallet_has_one_transaction_in_flight_on_a_chain(registry: RelayReg, w3: Web3) -> None:
    sent: list[bytes] = []

    async def note(one: Sent) -> None:
        # What was sent before is mined; else web3 raises.
        for digest in sent:
            assert w3.eth.get_transaction_receipt(digest.hex())  # type: ignore[arg-type]
        sent.append(one.hash)

    async def send(token: int) -> Receipt:
        sender = Sender(registry.chain, WALLET, poll_s=0.01)
        planned = await sender.plan(registry.minting(token, WALLET.address, "http://relay.example"))
        return await sender.send(planned, note)

    receipts = await asyncio.gather(*(send(TOKEN + number) for number in range(4)))
    assert [one.hash for one in sorted(receipts, key=lambda one: one.block_number)] == sent


async def test_one_after_the_other(registry: RelayReg) -> None:
    for token in range(3):
        await mint(registry, token=token)
        assert await registry.owner_of(token) == WALLET.address


async def test_what_would_revert_is_not_sent(registry: RelayReg, w3: Web3) -> None:
    await mint(registry)
    before = w3.eth.get_transaction_count(ACCOUNTS[1].address)  # type: ignore[arg-type]
    with pytest.raises(Reverted):
        await mint(registry)
    assert w3.eth.get_transaction_count(ACCOUNTS[1].address) == before  # type: ignore[arg-type]


async def test_a_wallet_without_funds_is_told_where_to_send_some(registry: RelayReg) -> None:
    with pytest.raises(WalletUnfunded) as caught:
        await mint(registry, POOR)
    text = str(caught.value)
    assert f"has 0 coins on chain {CHAIN_ID}" in text
    assert "send some to 0x" in text
    assert POOR.address.hex() in text.lower()


async def test_a_second_endpoint_may_have_it_already(
    registry: RelayReg, dev_chain: DevChain, http: aiohttp.ClientSession
) -> None:
    """The first takes the transaction, but fails before it can say so."""

    async def forward(_request: web.Request, question: Any) -> web.StreamResponse:
        async with http.post(dev_chain.rpc_url, data=json.dumps(question)) as response:
            body = await response.read()
        if question["method"] == "eth_sendRawTransaction":
            return web.Response(status=502)
        return web.Response(body=body)

    first = Node(behaviour=forward)
    async with running(first):
        chain = Chain(CHAIN_ID, http_endpoints([first.url, EndpointUrl(dev_chain.rpc_url)], http))
        await mint(RelayReg(chain, registry.address))
    assert await registry.owner_of(TOKEN) == WALLET.address


def test_web3_is_imported_when_something_is_planned_and_not_before() -> None:
    """Its import raises the recursion limit beyond what the stack holds; that is put back."""
    program = """
import asyncio, sys
from minirelay.chain.chain import Chain
from minirelay.chain.endpoint import http_endpoints, open_http
from minirelay.chain.errors import ChainUnreachable
from minirelay.chain.relay_registry import RelayReg
from minirelay.chain.sending import Sender, open_web3
from minirelay.chain.token import RelayTokenService
limit = sys.getrecursionlimit()
assert not {"web3", "eth_account"} & set(sys.modules)
asyncio.run(open_web3(Chain(1, [])))
assert {"web3", "eth_account"} <= set(sys.modules)
assert sys.getrecursionlimit() == limit
"""
    subprocess.run([sys.executable, "-c", program], check=True)


# -- a transaction that waits for long


def waiting(**changes: Any) -> Sent:
    values = {
        "chain_id": CHAIN_ID,
        "sender": WALLET.address,
        "nonce": 5,
        "max_fee": 1000,
        "tip": 81,
        "hash": bytes(range(32)),
    }
    return Sent(**{**values, **changes})


def test_what_was_sent_is_kept_as_bytes() -> None:
    sent = waiting(chain_id=2**256 - 1, nonce=2**64)
    assert Sent.decode(sent.encode()) == sent


@pytest.mark.parametrize(
    ("changes", "may_be"),
    [
        ({"nonce": 4}, False),
        ({"nonce": 5}, True),
        ({"nonce": 7}, True),
        ({"nonce": 8}, False),
        ({"chain_id": 1}, False),
        ({"sender": POOR.address}, False),
    ],
)
async def test_it_may_be_mined_from_the_next_nonce_to_the_first_that_is_free(
    changes: dict[str, Any], may_be: bool
) -> None:
    async with chain_over(node(eth_getTransactionCount=counts(latest=5, pending=7))) as bench:
        assert await Sender(bench.chain, WALLET).may_be_mined(waiting(**changes)) is may_be


def counts(*, latest: int, pending: int) -> Any:
    async def answer(_request: web.Request, question: Any) -> web.StreamResponse:
        return said(question, result=hex(latest if question["params"][1] == "latest" else pending))

    return answer


async def test_what_replaces_it_has_its_nonce_and_pays_an_eighth_more() -> None:
    one = node(eth_getTransactionCount=counts(latest=5, pending=7))
    async with chain_over(one) as bench:
        sender = Sender(bench.chain, WALLET, poll_s=0.01)
        planned = await sender.plan(call_of(bench), instead_of=waiting())
        assert planned.highest_cost == 125_000 * 1125
        await sender.send(planned)
    transaction = sent_by(one)
    assert transaction["nonce"] == 5
    assert transaction["maxFeePerGas"] == 1125
    # An eighth more, rounded up.
    assert transaction["maxPriorityFeePerGas"] == 92


async def test_what_replaces_it_pays_what_is_usual_if_that_is_more() -> None:
    one = node(eth_getTransactionCount=counts(latest=5, pending=5))
    async with chain_over(one) as bench:
        sender = Sender(bench.chain, WALLET, poll_s=0.01)
        await sender.send(await sender.plan(call_of(bench), instead_of=waiting(max_fee=100, tip=1)))
    transaction = sent_by(one)
    assert (transaction["maxFeePerGas"], transaction["maxPriorityFeePerGas"]) == (210, 10)


async def test_nothing_is_sent_in_its_place_once_it_is_mined() -> None:
    one = node(eth_getTransactionCount=counts(latest=5, pending=6))
    async with chain_over(one) as bench:
        sender = Sender(bench.chain, WALLET, poll_s=0.01)
        planned = await sender.plan(call_of(bench), instead_of=waiting())
        one.results["eth_getTransactionCount"] = counts(latest=6, pending=6)
        with pytest.raises(TransactionFailed, match="waits no more; nothing was sent in its place"):
            await sender.send(planned)
    assert "eth_sendRawTransaction" not in one.asked


async def test_what_is_sent_is_noted_before() -> None:
    one = node()
    noted: list[Sent] = []

    async def note(sent: Sent) -> None:
        assert "eth_sendRawTransaction" not in one.asked
        noted.append(sent)

    async with chain_over(one) as bench:
        receipt = await send_over(bench, note)
    assert noted == [waiting(max_fee=210, tip=10, hash=receipt.hash)]


# -- nodes that misbehave


MINED = {"status": "0x1", "blockNumber": "0x9", "transactionHash": "0x" + "00" * 32}


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
            "eth_getTransactionReceipt": MINED,
            **results,
        }
    )


def call_of(bench: Bench) -> Any:
    return RelayReg(bench.chain, CONTRACT).minting(TOKEN, WALLET.address, "http://relay.example")


async def plan_over(bench: Bench) -> PlannedTransaction:
    return await Sender(bench.chain, WALLET).plan(call_of(bench))


async def send_over(bench: Bench, note: Note | None = None, *, timeout_s: float = 5.0) -> Receipt:
    sender = Sender(bench.chain, WALLET, poll_s=0.01, timeout_s=timeout_s)
    return await sender.send(await plan_over(bench), note)


def sent_by(one: Node) -> dict[str, Any]:
    raw = one.params[one.asked.index("eth_sendRawTransaction")][0]
    assert Account.recover_transaction(raw) == ACCOUNTS[1].address
    return TypedTransaction.from_bytes(HexBytes(raw)).as_dict()


async def test_what_is_sent() -> None:
    one = node()
    async with chain_over(one) as bench:
        assert (await send_over(bench)).block_number == 9
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
        assert (await send_over(bench)).block_number == 9
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
        assert (await send_over(bench)).block_number == 9


async def test_a_transaction_that_fails() -> None:
    async with chain_over(node(eth_getTransactionReceipt={**MINED, "status": "0x0"})) as bench:
        with pytest.raises(TransactionFailed, match="failed"):
            await send_over(bench)


async def test_waiting_until_it_is_mined() -> None:
    answers = iter([None, None, MINED])

    async def receipt(_request: web.Request, question: Any) -> web.StreamResponse:
        return said(question, result=next(answers))

    one = node(eth_getTransactionReceipt=receipt)
    async with chain_over(one) as bench:
        assert (await send_over(bench)).block_number == 9
    assert one.asked.count("eth_getTransactionReceipt") == 3


async def test_a_transaction_that_is_never_mined() -> None:
    one = node(eth_getTransactionReceipt=None)
    async with chain_over(one) as bench:
        with pytest.raises(
            TransactionPending, match=r"was sent, but not seen mined within 0\.1 s; it still may be$"
        ):
            await send_over(bench, timeout_s=0.1)
    assert one.asked.count("eth_getTransactionReceipt") > 1


async def test_an_endpoint_that_fails_while_it_waits() -> None:
    async def fail_once(_request: web.Request, _question: Any) -> web.StreamResponse:
        one.results["eth_getTransactionReceipt"] = MINED
        return web.Response(status=500)

    one = node(eth_getTransactionReceipt=fail_once)
    minutes = count(step=60.0)
    async with running(one), open_http() as http:
        # Whenever it is looked at, a minute has passed.
        chain = Chain(CHAIN_ID, http_endpoints([one.url], http), clock=lambda: next(minutes))
        sender = Sender(chain, WALLET, poll_s=0.01, timeout_s=5.0)
        call = RelayReg(chain, CONTRACT).minting(TOKEN, WALLET.address, "http://relay.example")
        assert (await sender.send(await sender.plan(call))).block_number == 9
    assert one.asked.count("eth_getTransactionReceipt") == 2


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


@pytest.mark.parametrize("receipt", ["0x1", {}, {"status": "0x1"}, {**MINED, "status": True}])
async def test_garbage_for_a_receipt_is_waited_out(receipt: object) -> None:
    async with chain_over(node(eth_getTransactionReceipt=receipt)) as bench:
        with pytest.raises(TransactionPending, match="it still may be; no endpoint"):
            await send_over(bench, timeout_s=0.1)
