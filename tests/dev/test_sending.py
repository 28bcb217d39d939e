"""Transactions of development accounts."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import ClientSession

from minirelay.chain.chain import Chain
from minirelay.chain.endpoint import open_http
from minirelay.chain.errors import Reverted
from minirelay.chain.sending import ContractCall
from minirelay.dev.accounts import ACCOUNTS
from minirelay.dev.chain.process import DevChain
from minirelay.dev.deployment import Deployment
from minirelay.dev.faucet import balance_of
from minirelay.dev.sending import Outgoing, connect, send, send_call, send_raw
from minirelay.errors import ChainError
from minirelay.protocol.registries import SHOP_REG
from tests.chain.nodes import Node, chain_over, error, plain, running

ALICE, BOB = ACCOUNTS[:2]
BOB_ADDRESS = bytes.fromhex(BOB.address[2:])


@pytest.fixture
async def http() -> AsyncIterator[ClientSession]:
    async with open_http() as session:
        yield session


@pytest.fixture
async def chain(dev_chain: DevChain, http: ClientSession) -> Chain:
    return await connect(http, dev_chain.rpc_url)


async def sent_by_alice(chain: Chain) -> int:
    return await chain.quantity("eth_getTransactionCount", ALICE.address, "latest")


async def test_a_node_says_which_chain_it_is_on(chain: Chain) -> None:
    assert chain.chain_id == 31337


@pytest.mark.parametrize(
    ("behaviour", "match"),
    [
        (plain("<html>"), "not JSON"),
        (plain("", 502), "status 502"),
        (error(-32601, "no such method"), "not a quantity"),
    ],
)
async def test_a_node_that_does_not_say_it(http: ClientSession, behaviour: Any, match: str) -> None:
    node = Node(behaviour=behaviour)
    async with running(node):
        with pytest.raises(ChainError, match=f"can't be asked on which chain it is: .*{match}"):
            await connect(http, str(node.url))


async def test_nobody_answers(http: ClientSession) -> None:
    with pytest.raises(ChainError, match=r"http://127\.0\.0\.1:1 can't be asked"):
        await connect(http, "http://127.0.0.1:1")


async def test_transactions_are_sent_and_mined(chain: Chain) -> None:
    before = await balance_of(chain, BOB.address)
    await send(chain, ALICE, [Outgoing(BOB_ADDRESS, value=5), Outgoing(BOB_ADDRESS, b"\x01", 6)])
    assert await balance_of(chain, BOB.address) == before + 11
    assert await sent_by_alice(chain) == 2
    await send(chain, ALICE, [])
    assert await sent_by_alice(chain) == 2


async def test_a_transaction_that_would_fail_is_not_sent(chain: Chain, deployment: Deployment) -> None:
    shop_reg = bytes.fromhex(deployment.shop_reg[2:])
    with pytest.raises(Reverted):
        await send(chain, ALICE, [Outgoing(shop_reg, b"nonsense")])
    with pytest.raises(Reverted):
        await send_call(chain, ALICE, ContractCall(SHOP_REG, shop_reg, "addRelay", (7, 8)))
    assert await sent_by_alice(chain) == 0


def mining(receipt: object) -> Node:
    """Make a node that takes every transaction and has this receipt for it."""
    return Node(
        results={"eth_sendRawTransaction": "0x" + "00" * 32, "eth_getTransactionReceipt": receipt},
    )


async def test_a_transaction_that_failed_in_its_block() -> None:
    receipt = {"status": "0x0", "blockNumber": "0x9", "transactionHash": "0x" + "00" * 32}
    async with chain_over(mining(receipt)) as bench:
        with pytest.raises(ChainError, match="mined but failed"):
            await send_raw(bench.chain, b"\x02")


async def test_receipts_are_waited_for_with_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("minirelay.dev.sending.RECEIPT_TIMEOUT_S", 0.2)
    node = mining(None)
    async with chain_over(node) as bench:
        with pytest.raises(ChainError, match="not mined within"):
            await send_raw(bench.chain, b"\x02")
    assert node.asked.count("eth_getTransactionReceipt") > 1
