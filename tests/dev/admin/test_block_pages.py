"""Pages of blocks: in order, each block once, with a bound on what is on a page."""

from typing import Any

import pytest
from web3 import Web3
from web3.types import Wei

from minirelay.chain.chain import Chain
from minirelay.dev.admin import block_pages
from minirelay.dev.admin.block_pages import BlockPages
from minirelay.dev.admin.decoding import Decoding
from minirelay.dev.blocks import mine
from minirelay.dev.contract_addresses import Contracts as Addresses
from minirelay.dev.deployment import Deployment
from tests.chain_fixtures import Contracts, rpc
from tests.dev.contracts.contract_calls import PAYEE, PAYER, send


@pytest.fixture
def pages(deployment: Deployment) -> BlockPages:
    at = deployment
    return BlockPages(Decoding(Addresses(at.shop_reg, at.relay_reg, at.payments, at.eddies, at.permit2)))


def pay(w3: Web3, value: int, data: bytes = b"") -> Any:
    sent = w3.eth.send_transaction({"from": PAYER, "to": PAYEE, "value": Wei(value), "data": data})
    return w3.eth.wait_for_transaction_receipt(sent)


async def test_pages_have_each_block_once_down_to_the_first(
    pages: BlockPages, chain: Chain, w3: Web3
) -> None:
    await mine(chain, 12)
    numbers: list[int] = []
    before = None
    while True:
        page = await pages.page(chain, before, 5)
        assert page["head"] == w3.eth.block_number
        numbers += [one["number"] for one in page["blocks"]]
        before = page["before"]
        if before is None:
            break
    assert numbers == list(range(w3.eth.block_number, -1, -1))


async def test_nothing_is_before_the_first_and_all_before_what_is_to_come(
    pages: BlockPages, chain: Chain, w3: Web3
) -> None:
    head = w3.eth.block_number
    nothing = {"head": head, "blocks": [], "before": None}
    assert await pages.page(chain, 0, 5) == nothing
    assert await pages.page(chain, None, 0) == nothing
    far = await pages.page(chain, 2**63 - 1, 1)
    assert [one["number"] for one in far["blocks"]] == [head]


async def test_transfer_of_coins_is_no_call(pages: BlockPages, chain: Chain, w3: Web3) -> None:
    receipt = pay(w3, 10**18)
    block = w3.eth.get_block(receipt["blockNumber"])
    (written,) = (await pages.page(chain, None, 1))["blocks"]
    assert written["hash"] == "0x" + block["hash"].hex().removeprefix("0x")
    assert written["time"].endswith("Z")
    assert written["transaction_count"] == 1
    assert written["transactions"] == [
        {
            "hash": "0x" + receipt["transactionHash"].hex().removeprefix("0x"),
            "from": PAYER,
            "to": PAYEE,
            "contract": None,
            "value": str(10**18),
            "call": None,
            "is_ok": True,
            "gas_used": 21_000,
            "made": None,
            "event_count": 0,
            "events": [],
        }
    ]


async def test_contract_that_is_made_is_named_and_failures_are_seen(
    pages: BlockPages, chain: Chain, w3: Web3, contracts: Contracts
) -> None:
    w3.eth.send_transaction({"from": PAYER, "data": bytes.fromhex("600160005360016000f3"), "gas": 100_000})
    w3.eth.send_transaction(
        {"from": PAYER, "to": contracts.payments.address, "data": b"1234", "gas": 100_000}
    )
    failed, made = [one["transactions"][0] for one in (await pages.page(chain, None, 2))["blocks"]]
    assert (made["to"], made["call"], made["is_ok"]) == (None, None, True)
    assert w3.eth.get_code(made["made"]) == b"\x01"
    assert (failed["is_ok"], failed["contract"], failed["call"]["function"]) == (False, "Payments", None)


async def test_page_ends_where_it_has_enough_transactions(
    pages: BlockPages, chain: Chain, w3: Web3, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(block_pages, "MOST_IN_BLOCK", 3)
    monkeypatch.setattr(block_pages, "ENOUGH", 4)
    rpc(w3, "evm_setAutomine", False)
    try:
        for _ in range(3):
            for value in range(5):
                w3.eth.send_transaction({"from": PAYER, "to": PAYEE, "value": Wei(value), "gas": 21_000})
            await mine(chain, 1)
    finally:
        rpc(w3, "evm_setAutomine", True)
    page = await pages.page(chain, None, 10)
    assert [(len(one["transactions"]), one["transaction_count"]) for one in page["blocks"]] == [(3, 5)] * 2
    following = await pages.page(chain, page["before"], 1)
    assert [one["transaction_count"] for one in following["blocks"]] == [5]


@pytest.mark.parametrize("count", [1, 6])
async def test_what_is_too_long_to_be_read_is_left_out_alone(
    pages: BlockPages, chain: Chain, w3: Web3, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    long = b"\x01" * 100_000
    monkeypatch.setattr("minirelay.protocol.answer_bounds._LONGER", {"eth_getTransactionByHash": 20_000})
    for _ in range(count):
        w3.eth.send_transaction({"from": PAYER, "to": PAYEE, "data": long, "gas": 5_000_000})
    pay(w3, 7)
    page = await pages.page(chain, None, count + 1)
    short, *left_out = [one["transactions"][0] for one in page["blocks"]]
    assert short["value"] == "7"
    assert [(one["from"], one["call"], one["is_ok"]) for one in left_out] == [(None, None, True)] * count


async def test_events_are_listed_up_to_a_bound(
    pages: BlockPages, chain: Chain, contracts: Contracts, monkeypatch: pytest.MonkeyPatch
) -> None:
    send(contracts.eddies.functions.mint(PAYER, 5), PAYER)
    (block,) = (await pages.page(chain, None, 1))["blocks"]
    (transaction,) = block["transactions"]
    assert [one["event"] for one in transaction["events"]] == ["Transfer"]
    monkeypatch.setattr(block_pages, "MOST_EVENTS", 0)
    (block,) = (await pages.page(chain, None, 1))["blocks"]
    assert (block["transactions"][0]["event_count"], block["transactions"][0]["events"]) == (1, [])


async def test_time_behind_the_year_9999_is_not_written(pages: BlockPages, chain: Chain, w3: Web3) -> None:
    rpc(w3, "evm_mine", 2**40)
    (block,) = (await pages.page(chain, None, 1))["blocks"]
    assert block["time"] is None
