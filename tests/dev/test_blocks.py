import pytest
from web3 import Web3
from web3.types import TxReceipt, Wei

from minirelay.chain.chain import Chain
from minirelay.dev.blocks import go, mine, reorganise, stop
from minirelay.errors import ConfigError
from tests.chain_fixtures import rpc
from tests.dev.contracts.contract_calls import PAYEE, PAYER


def pay(w3: Web3) -> TxReceipt:
    return w3.eth.wait_for_transaction_receipt(
        w3.eth.send_transaction({"from": PAYER, "to": PAYEE, "value": Wei(1)})
    )


async def test_blocks_are_mined(chain: Chain, w3: Web3) -> None:
    head = w3.eth.block_number
    assert await mine(chain, 3) == f"mined 3; the head is block {head + 3}"
    assert w3.eth.block_number == head + 3


async def test_what_is_sent_waits_until_blocks_are_made_again(chain: Chain, w3: Web3) -> None:
    head = w3.eth.block_number
    try:
        assert str(head) in await stop(chain)
        sent = w3.eth.send_transaction({"from": PAYER, "to": PAYEE, "value": Wei(1)})
        assert w3.eth.block_number == head
        assert str(head + 1) in await go(chain)
        assert w3.eth.get_transaction_receipt(sent)["blockNumber"] == head + 1
    finally:
        rpc(w3, "evm_setAutomine", True)


async def test_reorganised_chain_is_longer_and_has_other_blocks(chain: Chain, w3: Web3) -> None:
    receipt = pay(w3)
    head = receipt["blockNumber"]
    words = await reorganise(chain, 1, moves=False)
    assert words == f"1 replaced; their 1 transaction is gone; the head is block {head + 1}"
    assert w3.eth.get_block(head)["hash"] != receipt["blockHash"]
    assert w3.eth.get_block(head)["transactions"] == []
    assert w3.eth.block_number == head + 1


async def test_transactions_move_to_the_last_of_the_new_blocks(chain: Chain, w3: Web3) -> None:
    first, second = pay(w3), pay(w3)
    words = await reorganise(chain, 2, moves=True)
    assert "their 2 transactions were moved" in words
    moved = [w3.eth.get_transaction_receipt(one["transactionHash"]) for one in (first, second)]
    assert [one["blockNumber"] for one in moved] == [second["blockNumber"]] * 2


async def test_there_is_no_going_back_behind_the_beginning(chain: Chain, w3: Web3) -> None:
    with pytest.raises(ConfigError, match="can't go back"):
        await reorganise(chain, w3.eth.block_number + 1, moves=False)
