from contextlib import closing
from pathlib import Path

import pytest

from minirelay.dev.chain.ledger import Ledger
from tests.dev.chain.asking import ALICE, BOB, START, STORE, Asker, SlowClock

NOBODY = "0x" + "99" * 20
TOOLS = pytest.mark.parametrize("tool", ["anvil", "hardhat"])


def timestamp(ask: Asker) -> int:
    return int(ask("eth_getBlockByNumber", "latest", False)["timestamp"], 16)


def test_mining(ask: Asker) -> None:
    assert ask("evm_mine") == "0x0"
    ask("evm_mine", {"blocks": 3})
    assert ask("eth_blockNumber") == "0x4"
    assert timestamp(ask) == START + 4


def test_mining_at_a_time(ask: Asker, clock: SlowClock) -> None:
    ask("evm_mine", START + 100)
    assert timestamp(ask) == START + 100
    ask("evm_mine", {"timestamp": hex(START + 200), "blocks": 2})
    assert timestamp(ask) == START + 201
    clock.now += 50
    ask("evm_mine")
    assert timestamp(ask) == START + 250


def test_time_runs_ahead(ask: Asker, clock: SlowClock) -> None:
    assert ask("evm_increaseTime", 100) == 100
    assert ask("evm_increaseTime", "0x32") == 150
    ask("evm_mine")
    assert timestamp(ask) == START + 150
    clock.now += 7
    ask("evm_mine")
    assert timestamp(ask) == START + 157


def test_next_block_at_a_time(ask: Asker, clock: SlowClock) -> None:
    assert ask("evm_setNextBlockTimestamp", START + 500) is None
    ask("evm_mine")
    assert timestamp(ask) == START + 500
    clock.now += 3
    ask("evm_mine")
    assert timestamp(ask) == START + 503


def test_reorganised_blocks_are_others_and_what_was_in_them_is_gone(ask: Asker) -> None:
    kept = ask("eth_sendTransaction", {"from": ALICE.address, "to": BOB.address, "value": "0x1"})
    gone = ask("eth_sendTransaction", {"from": ALICE.address, "to": BOB.address, "value": "0x2"})
    ask("evm_mine")
    old = [ask("eth_getBlockByNumber", hex(number), False)["hash"] for number in range(4)]
    assert ask("anvil_reorg", 2) is None
    new = [ask("eth_getBlockByNumber", hex(number), False)["hash"] for number in range(4)]
    assert new[:2] == old[:2]
    assert set(new[2:]).isdisjoint(old)
    assert ask("eth_getTransactionReceipt", kept) is not None
    assert ask("eth_getTransactionReceipt", gone) is None
    assert ask("eth_getTransactionCount", ALICE.address, "latest") == "0x1"


def test_transactions_can_be_moved_to_another_block(ask: Asker) -> None:
    sent = ask("eth_sendTransaction", {"from": ALICE.address, "to": BOB.address, "value": "0x2"})
    ask("evm_mine")
    raw = ask("eth_getRawTransactionByHash", sent)
    ask("anvil_reorg", 2, [[raw, 1]])
    assert ask("eth_getTransactionReceipt", sent)["blockNumber"] == "0x2"
    assert ask("eth_getRawTransactionByHash", sent) == raw
    assert ask("eth_getRawTransactionByHash", "0x" + "00" * 32) is None


def test_blocks_can_be_replaced_as_soon_as_they_are_made(ask: Asker, clock: SlowClock) -> None:
    # At the same second an empty block would be the same one.
    clock.now += 100
    ask("evm_mine")
    old = ask("eth_getBlockByNumber", "latest", False)["hash"]
    ask("anvil_reorg", 1)
    assert ask("eth_getBlockByNumber", "latest", False)["hash"] != old
    clock.now += 100
    ask("evm_mine")
    # The clock goes on from there.
    assert timestamp(ask) == START + 201


@pytest.mark.parametrize(
    "params", [[0], [2], [10**9], [1, 5], [1, [5]], [1, [["0x", 0]]], [1, [["0x00", 1]]]]
)
def test_reorganisations_that_can_not_be_change_nothing(ask: Asker, params: list[object]) -> None:
    ask("evm_mine")
    head = ask("eth_getBlockByNumber", "latest", False)["hash"]
    assert ask.error("anvil_reorg", *params)[0] in (-32602, -32000)
    assert ask("eth_getBlockByNumber", "latest", False)["hash"] == head


@TOOLS
def test_automining_can_be_asked_for(ask: Asker, tool: str) -> None:
    assert ask(f"{tool}_getAutomine") is True
    ask("evm_setAutomine", False)
    assert ask(f"{tool}_getAutomine") is False


def test_time_does_not_go_back(ask: Asker) -> None:
    for moment in (START, START - 1, 0):
        assert ask.error("evm_setNextBlockTimestamp", moment)[0] == -32602
        assert ask.error("evm_mine", moment)[0] == -32602
    assert ask("eth_blockNumber") == "0x0"


@pytest.mark.parametrize(
    ("method", "param"),
    [
        ("evm_increaseTime", "0x" + "f" * 64),
        ("evm_increaseTime", 2**53),
        ("evm_setNextBlockTimestamp", 2**53 + 1),
        ("evm_mine", 2**60),
        ("evm_mine", {"blocks": 10_001}),
        ("evm_mine", {"blocks": -1}),
        ("evm_mine", "soon"),
        ("evm_increaseTime", -5),
        ("evm_revert", "first"),
        ("evm_revert", None),
    ],
)
def test_what_is_out_of_reach(ask: Asker, method: str, param: object) -> None:
    assert ask.error(method, param)[0] == -32602
    ask("evm_mine")
    assert timestamp(ask) == START + 1


def test_snapshots_count_up(ask: Asker) -> None:
    assert [ask("evm_snapshot") for _ in range(3)] == ["0x1", "0x2", "0x3"]
    assert ask("evm_revert", "0x2") is True
    assert ask("evm_snapshot") == "0x4"
    assert ask("evm_revert", "0x9") is False


@TOOLS
def test_blocks_at_an_interval(ask: Asker, tool: str) -> None:
    ask(f"{tool}_mine")
    ask(f"{tool}_mine", "0x3", "0x3c")
    assert ask("eth_blockNumber") == "0x4"
    newest, first = (ask("eth_getBlockByNumber", hex(number), False)["timestamp"] for number in (4, 2))
    assert int(newest, 16) - int(first, 16) == 120
    assert ask.error(f"{tool}_mine", "0x2711")[0] == -32602
    assert ask.error(f"{tool}_mine", "0x2", hex(2**60))[0] == -32602


@TOOLS
def test_state_is_changed_without_a_block(ask: Asker, tool: str) -> None:
    contract = ask.deploy(STORE)
    height = ask("eth_blockNumber")
    ask(f"{tool}_setBalance", NOBODY, "0x64")
    ask(f"{tool}_setNonce", NOBODY, "0x9")
    ask(f"{tool}_setCode", BOB.address, "0x" + STORE)
    ask(f"{tool}_setStorageAt", contract, "0x0", f"0x{77:064x}")
    assert ask("eth_getBalance", NOBODY) == "0x64"
    assert ask("eth_getTransactionCount", NOBODY) == "0x9"
    assert ask("eth_getCode", BOB.address) == "0x" + STORE
    assert ask.number("eth_call", {"to": contract}) == 77
    assert ask("eth_blockNumber") == height
    # What is mined goes on from there.
    ask.pay(to=NOBODY, value="0x1")
    assert ask("eth_getBalance", NOBODY) == "0x65"
    assert ask.number("eth_call", {"to": contract}) == 77
    assert ask("eth_getBalance", NOBODY, hex(int(height, 16) - 1)) == "0x0"


def test_reverting_goes_back_to_what_was_changed_by_hand(ask: Asker) -> None:
    ask("evm_mine")
    before = ask("evm_snapshot")
    ask("anvil_setBalance", NOBODY, "0x1")
    changed = ask("evm_snapshot")
    ask("anvil_setBalance", NOBODY, "0x2")
    ask("evm_mine")
    assert ask("evm_revert", changed) is True
    assert ask("eth_getBalance", NOBODY) == "0x1"
    assert ask("evm_revert", before) is True
    assert ask("eth_getBalance", NOBODY) == "0x0"


def test_a_changed_state_outlives_a_restart(tmp_path: Path, clock: SlowClock) -> None:
    with closing(Ledger(tmp_path / "chain")) as ledger:
        Asker(ledger, clock)("anvil_setBalance", NOBODY, "0x7")
    with closing(Ledger(tmp_path / "chain")) as ledger:
        assert Asker(ledger, clock)("eth_getBalance", NOBODY) == "0x7"


@TOOLS
def test_impersonating(ask: Asker, tool: str) -> None:
    unsigned = {"from": NOBODY, "to": BOB.address, "value": "0x1"}
    assert ask.error("eth_sendTransaction", unsigned) == (-32000, "unknown account")
    ask(f"{tool}_impersonateAccount", NOBODY)
    ask(f"{tool}_setBalance", NOBODY, hex(10**18))
    tx_hash = ask("eth_sendTransaction", unsigned)
    receipt = ask("eth_getTransactionReceipt", tx_hash)
    assert (receipt["status"], receipt["from"].lower()) == ("0x1", NOBODY)
    assert ask("eth_getTransactionByHash", tx_hash)["from"].lower() == NOBODY
    assert ask("eth_getTransactionCount", NOBODY) == "0x1"
    assert ask("eth_getBlockByNumber", "latest", True)["transactions"][0]["hash"] == tx_hash
    assert ask(f"{tool}_stopImpersonatingAccount", NOBODY) is True
    assert ask.error("eth_sendTransaction", unsigned) == (-32000, "unknown account")


def test_an_impersonated_contract_sends(ask: Asker) -> None:
    contract = ask.deploy(STORE)
    ask("hardhat_impersonateAccount", contract)
    ask("hardhat_setBalance", contract, hex(10**18))
    sent = ask("eth_sendTransaction", {"from": contract, "to": BOB.address, "value": "0x1"})
    assert ask("eth_getTransactionReceipt", sent)["status"] == "0x1"


def test_automining_can_be_stopped(ask: Asker) -> None:
    ask("evm_setAutomine", False)
    hashes = [ask.pay(nonce=hex(nonce)) for nonce in (0, 1)]
    assert ask("eth_blockNumber") == "0x0"
    ask("evm_setAutomine", True)
    assert ask("eth_getBlockByNumber", "latest", False)["transactions"] == hashes


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("anvil_setBalance", [NOBODY, "much"]),
        ("anvil_setCode", [NOBODY, "0x" + "00" * (1024 * 1024 + 1)]),
        ("anvil_setNonce", [NOBODY, hex(2**64 - 1)]),
        ("anvil_setStorageAt", [NOBODY, "0x0", "0x1"]),
        ("evm_setAutomine", [1]),
        ("evm_setIntervalMining", [-1]),
        ("evm_setIntervalMining", [10**12]),
    ],
)
def test_amounts_and_intervals_out_of_reach(ask: Asker, method: str, params: list[object]) -> None:
    assert ask.error(method, *params)[0] == -32602


def test_a_nonce_does_not_go_down(ask: Asker) -> None:
    ask.pay()
    assert ask.error("anvil_setNonce", ALICE.address, "0x0")[0] == -32602
