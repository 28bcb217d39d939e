"""What is asked once more, of the real development chain."""

import pytest
from web3 import Web3

from minirelay.chain.block import Block, read_block
from minirelay.chain.chain import Chain
from minirelay.dev.accounts import ACCOUNTS
from minirelay.payments.last_look import Look, arrived, find_events, look_at, times_of
from minirelay.payments.payment_target import PAYMENT_MADE
from minirelay.protocol.block_id import BlockId
from tests.chain_fixtures import Contracts, rpc

HOLDER, OTHER = b"\xa1" * 20, b"\xa2" * 20
PAYER = ACCOUNTS[0].address


async def head_of(chain: Chain) -> Block:
    return await chain.request("eth_getBlockByNumber", ["latest", False], read_block)


def give(w3: Web3, holder: bytes, amount: int) -> None:
    w3.eth.send_transaction({"from": PAYER, "to": Web3.to_checksum_address(holder), "value": amount})  # type: ignore[typeddict-item]


async def test_coins_and_transactions_at_a_block(chain: Chain, w3: Web3) -> None:
    give(w3, HOLDER, 5)
    before = (await head_of(chain)).id
    give(w3, HOLDER, 6)
    payer = bytes.fromhex(PAYER[2:])
    looks = await look_at([HOLDER, OTHER, payer], chain, before)
    assert looks[:2] == [Look(5, 0), Look(0, 0)]
    assert looks[2].transactions > 0


async def test_what_of_a_token_arrived_in_time(chain: Chain, w3: Web3, contracts: Contracts) -> None:
    eddies = contracts.eddies
    holder, token = Web3.to_checksum_address(HOLDER), bytes.fromhex(eddies.address[2:])
    first = (await head_of(chain)).number
    eddies.functions.mint(PAYER, 100).transact({"from": PAYER})
    eddies.functions.transfer(holder, 7).transact({"from": PAYER})
    eddies.functions.transfer(Web3.to_checksum_address(OTHER), 50).transact({"from": PAYER})
    ttl = (await head_of(chain)).timestamp
    rpc(w3, "evm_increaseTime", 1000)
    eddies.functions.transfer(holder, 9).transact({"from": PAYER})
    last = await head_of(chain)
    assert last.timestamp > ttl
    assert await arrived(token, HOLDER, first, last.number, ttl, chain) == 7
    assert await arrived(token, HOLDER, first, last.number, last.timestamp, chain) == 16
    assert await arrived(token, b"\xa3" * 20, first, last.number, last.timestamp, chain) == 0


async def test_events_are_found_by_their_ids(chain: Chain, w3: Web3, contracts: Contracts) -> None:
    head = await head_of(chain)
    now = head.timestamp + 10_000
    request = (
        31337,
        now,
        bytes(32),
        "0x" + "00" * 20,
        3,
        Web3.to_checksum_address(OTHER),
        False,
        1,
        bytes(64),
    )
    payments = contracts.payments
    payments.functions.payNative(request).transact({"from": PAYER, "value": 3})  # type: ignore[arg-type]
    wanted = payments.functions.getPaymentId(request).call().to_bytes(32)
    contract = bytes.fromhex(payments.address[2:])
    last = (await head_of(chain)).number
    ids = [b"\x01" * 32, wanted]
    (found,) = await find_events(contract, PAYMENT_MADE, ids, head.number, last, chain)
    assert (found.topics, found.block.number, found.address) == ((PAYMENT_MADE, wanted), last, contract)
    assert await find_events(contract, PAYMENT_MADE, ids[:1], head.number, last, chain) == []
    times = await times_of([found.block, BlockId(5, b"\x05" * 32)], chain)
    assert times == {found.block: (await head_of(chain)).timestamp}


@pytest.mark.parametrize("blocks", [[]])
async def test_no_block_is_no_question(chain: Chain, blocks: list[BlockId]) -> None:
    assert await times_of(blocks, chain) == {}
