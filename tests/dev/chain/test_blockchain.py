import logging
from collections.abc import Iterator
from contextlib import closing

import pytest
from eth.abc import ComputationAPI, SignedTransactionAPI, StateAPI
from eth.constants import ZERO_ADDRESS

from minirelay.dev.accounts import ACCOUNTS, BALANCE_WEI, FAUCET, FAUCET_BALANCE_WEI
from minirelay.dev.chain.blockchain import Blockchain, Clock, base_fee
from minirelay.dev.chain.ledger import Ledger
from minirelay.dev.chain.node import decode_transaction
from minirelay.dev.create2 import FACTORY_ADDRESS, FACTORY_CODE
from tests.dev.chain.asking import ALICE, BOB, GWEI, START, STORE, Asker, SlowClock, signed, store


def test_block_takes_the_machines_time(clock: SlowClock) -> None:
    assert Clock(read=clock).timestamp_after(START - 100) == START


def test_block_is_always_later_than_its_parent(clock: SlowClock) -> None:
    chain = Clock(read=clock)
    assert chain.timestamp_after(START) == START + 1
    assert chain.timestamp_after(START + 50) == START + 51


def test_advancing_adds_up(clock: SlowClock) -> None:
    chain = Clock(read=clock)
    chain.advance(10)
    chain.advance(5)
    assert chain.offset_s == 15
    assert chain.timestamp_after(0) == START + 15


def test_chosen_timestamp_is_for_one_block_and_time_flows_on_from_it(clock: SlowClock) -> None:
    chain = Clock(next_timestamp=START + 1000, read=clock)
    assert chain.timestamp_after(START) == START + 1000
    chain.settle(START + 1000)
    clock.now += 7
    assert chain.next_timestamp is None
    assert chain.timestamp_after(START) == START + 1007


def test_ordinary_block_shifts_nothing(clock: SlowClock) -> None:
    chain = Clock(offset_s=3, read=clock)
    chain.settle(START + 99)
    assert chain.offset_s == 3


@pytest.fixture
def ledger() -> Iterator[Ledger]:
    made = Ledger(None)
    yield made
    made.close()


@pytest.fixture
def chain(ledger: Ledger, clock: SlowClock) -> Blockchain:
    return Blockchain(ledger, Clock(read=clock))


def tx(nonce: int, **changed: object) -> SignedTransactionAPI:
    return decode_transaction(bytes.fromhex(signed(nonce, **changed)[2:]))


def test_assembling_keeps_nothing(chain: Blockchain) -> None:
    assembly = chain.assemble([tx(0)])
    assert len(assembly.executions) == 1
    assert chain.head.block_number == 0
    assert chain.state(chain.head).get_nonce(assembly.executions[0].transaction.sender) == 0


def test_appended_block_is_the_head_and_links_to_its_parent(chain: Blockchain) -> None:
    parent = chain.head
    header = chain.append(chain.assemble([tx(0), tx(1)]))
    assert chain.head == header == chain.ledger.head()
    assert header.parent_hash == parent.hash
    assert header.gas_used == 42_000
    assert header.state_root != parent.state_root
    assert header.timestamp > parent.timestamp


def test_block_takes_what_fits_in_order(chain: Blockchain) -> None:
    big = [tx(n, gas=12_000_000) for n in range(3)]
    # A transaction uses 21,000 of its 12 million: what counts is what is left, at the third one too.
    assert len(chain.assemble(big).executions) == 3
    full = [tx(0, gas=30_000_000), tx(1, gas=29_979_001), tx(2)]
    assembly = chain.assemble(full)
    assert [e.transaction.nonce for e in assembly.executions] == [0]
    assert assembly.rejected == []


def test_transaction_without_a_place_is_rejected(chain: Blockchain, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assembly = chain.assemble([tx(5), tx(0)])
    assert [t.nonce for t in assembly.rejected] == [5]
    assert [e.transaction.nonce for e in assembly.executions] == [0]
    assert "has no place in the next block" in caplog.text


def test_broken_evm_stops_only_the_transaction(
    chain: Blockchain, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    state_class = type(chain.state(chain.head))
    apply = state_class.apply_transaction

    def apply_or_break(state: StateAPI, transaction: SignedTransactionAPI) -> ComputationAPI:
        if transaction.nonce == 1:
            state.set_balance(ZERO_ADDRESS, 5)
            raise ZeroDivisionError
        return apply(state, transaction)

    monkeypatch.setattr(state_class, "apply_transaction", apply_or_break)
    assembly = chain.assemble([tx(0), tx(1)])
    assert len(assembly.executions) == 1
    assert len(assembly.rejected) == 1
    assert assembly.state.get_balance(ZERO_ADDRESS) == assembly.executions[0].gas_used * GWEI
    assert "broke the EVM" in caplog.text


def test_randomness_differs_from_block_to_block_and_not_from_run_to_run(clock: SlowClock) -> None:
    def three() -> list[bytes]:
        with closing(Ledger(None)) as ledger:
            chain = Blockchain(ledger, Clock(read=clock))
            return [chain.append(chain.assemble([])).mix_hash for _ in range(3)]

    assert three() == three()
    assert len(set(three())) == 3


def test_rewinding_restores_state_and_clock(chain: Blockchain, clock: SlowClock) -> None:
    first = chain.append(chain.assemble([tx(0)]))
    chain.clock.advance(100)
    chain.append(chain.assemble([tx(1)]))
    chain.clock.next_timestamp = START + 5000
    chain.rewind(1, 0)
    assert chain.head == first
    assert chain.clock == Clock(read=clock)
    assert chain.append(chain.assemble([tx(1)])).block_number == 2


def test_chain_goes_on_where_the_ledger_is(ledger: Ledger, clock: SlowClock) -> None:
    first = Blockchain(ledger, Clock(read=clock))
    first.clock.advance(1000)
    head = first.append(first.assemble([tx(0)]))
    second = Blockchain(ledger, Clock(read=clock))
    assert second.head == head
    assert second.clock.offset_s == 1000


def test_failed_block_changes_nothing(chain: Blockchain, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chain.ledger, "append", lambda *_: 1 / 0)
    assembly = chain.assemble([tx(0)])
    with pytest.raises(ZeroDivisionError):
        chain.append(assembly)
    monkeypatch.undo()
    assert chain.head.block_number == 0
    assert chain.append(chain.assemble([tx(0)])).block_number == 1


def test_base_fee_follows_how_full_blocks_are(chain: Blockchain) -> None:
    assert base_fee(chain.next_header()) == 875_000_000
    assert base_fee(chain.head) == GWEI


# What contracts see


def test_contracts_see_earlier_block_hashes(ask: Asker) -> None:
    # Returns the hash of the block that the call data names.
    blockhash = ask.deploy("5f35405f5260205ff3")
    for _ in range(3):
        ask("evm_mine")
    for number in range(4):
        seen = ask("eth_call", {"to": blockhash, "data": f"0x{number:064x}"})
        assert seen == ask("eth_getBlockByNumber", hex(number), False)["hash"]
    assert ask.number("eth_call", {"to": blockhash, "data": f"0x{4:064x}"}, "latest") == 0


def test_contracts_see_their_block(ask: Asker) -> None:
    # Number, timestamp, chain id.
    context = ask.deploy("435f524260205246604052" + "60605ff3")
    ask("evm_mine")
    head = ask("eth_getBlockByNumber", "latest", False)
    seen = ask("eth_call", {"to": context})
    expected = [int(head["number"], 16), int(head["timestamp"], 16), 31337]
    assert [int(seen[2 + 64 * i : 66 + 64 * i], 16) for i in range(3)] == expected
    ahead = ask("eth_call", {"to": context}, "pending")
    assert int(ahead[2:66], 16) == expected[0] + 1
    assert int(ahead[66:130], 16) > expected[1]


def test_old_states_stay_readable(ask: Asker) -> None:
    contract = ask.deploy(STORE)
    for value in (5, 6, 0):
        ask.pay(to=contract, data=store(value), value="0x0")
    values = [ask.number("eth_call", {"to": contract}, hex(number)) for number in range(1, 5)]
    assert values == [0, 5, 6, 0]
    assert ask("eth_getCode", contract, "0x0") == "0x"
    assert ask("eth_getTransactionCount", ALICE.address, "0x2") == "0x1"
    assert ask.number("eth_getBalance", BOB.address, "0x0") == 10_000 * 10**18


def test_accounts_start_with_ten_thousand_coins_and_no_nonce(ask: Asker) -> None:
    for account in ACCOUNTS:
        assert ask.number("eth_getBalance", account.address) == BALANCE_WEI == 10_000 * 10**18
        assert ask("eth_getTransactionCount", account.address) == "0x0"
    assert ask.number("eth_getBalance", FAUCET.address) == FAUCET_BALANCE_WEI


def test_factory_is_there(ask: Asker) -> None:
    assert ask("eth_getCode", "0x" + FACTORY_ADDRESS.hex()) == "0x" + FACTORY_CODE.hex()


def test_first_block(ask: Asker) -> None:
    block = ask("eth_getBlockByNumber", "0x0", False)
    assert block["parentHash"] == "0x" + "0" * 64
    assert int(block["timestamp"], 16) == START
    assert int(block["gasLimit"], 16) == 30_000_000
    assert int(block["baseFeePerGas"], 16) == 10**9
