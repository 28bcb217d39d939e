from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from minirelay.dev.chain import node as node_module
from minirelay.dev.chain.errors import RpcError
from minirelay.dev.chain.ledger import Ledger
from minirelay.dev.chain.node import decode_transaction
from tests.dev.chain.asking import ALICE, BOB, GWEI, START, Asker, SlowClock, signed


def send(ask: Asker, raw: str) -> str:
    tx_hash: str = ask("eth_sendRawTransaction", raw)
    return tx_hash


def refusal(ask: Asker, raw: str) -> str:
    code, message = ask.error("eth_sendRawTransaction", raw)
    assert code == -32000
    return message


# Taking transactions


def test_every_transaction_makes_a_block(ask: Asker) -> None:
    for nonce in range(3):
        send(ask, signed(nonce))
        assert ask.number("eth_blockNumber") == nonce + 1


def test_with_automining_nothing_waits_for_a_nonce(ask: Asker) -> None:
    assert refusal(ask, signed(1)).startswith("nonce too high: next nonce 0, tx nonce 1")
    send(ask, signed(0))
    send(ask, signed(1))
    assert ask("eth_blockNumber") == "0x2"


def test_transaction_that_came_too_early_waits_for_its_predecessor(ask: Asker) -> None:
    ask("evm_setAutomine", False)
    early = send(ask, signed(1))
    ask("evm_setAutomine", True)
    assert ask("eth_getTransactionReceipt", early) is None
    send(ask, signed(0))
    assert ask("eth_getTransactionReceipt", early)["status"] == "0x1"
    assert ask("eth_blockNumber") == "0x1"


def test_transactions_wait_where_blocks_are_made_by_the_clock(ask_waiting: Asker) -> None:
    hashes = [send(ask_waiting, signed(nonce)) for nonce in (0, 1, 2)]
    assert ask_waiting("eth_blockNumber") == "0x0"
    ask_waiting("evm_mine")
    assert ask_waiting("eth_getBlockByNumber", "latest", False)["transactions"] == hashes


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"chainId": 1}, "invalid chain id for signer: have 1 want 31337"),
        ({"gas": 20_999}, "intrinsic gas too low: gas 20999, minimum needed 21000"),
        ({"data": b"\x01"}, "intrinsic gas too low: gas 21000, minimum needed 21040"),
        ({"gas": 30_000_001}, "exceeds block gas limit"),
        (
            {"maxPriorityFeePerGas": 4 * GWEI},
            "max priority fee per gas higher than max fee per gas",
        ),
        (
            {"maxFeePerGas": 874_999_999, "maxPriorityFeePerGas": 0},
            "max fee per gas less than block base fee: maxFeePerGas 874999999, baseFee 875000000",
        ),
        (
            {"value": 10_000 * 10**18},
            "insufficient funds for gas * price + value: "
            "have 10000000000000000000000 want 10000000063000000000000",
        ),
        ({"to": None, "data": bytes(49_153), "gas": 10_000_000}, "max initcode size exceeded"),
    ],
)
def test_transaction_that_can_not_be_mined_is_refused(
    ask: Asker, changed: dict[str, Any], message: str
) -> None:
    assert refusal(ask, signed(**changed)) == message
    assert ask("eth_blockNumber") == "0x0"


def test_nonce_too_low(ask: Asker) -> None:
    send(ask, signed(0))
    assert refusal(ask, signed(0, value=2)) == "nonce too low: next nonce 1, tx nonce 0"


def test_same_transaction_again(ask: Asker, ask_waiting: Asker) -> None:
    for one, nonce in ((ask, 0), (ask_waiting, 5)):
        send(one, signed(nonce))
        assert refusal(one, signed(nonce)) == "already known"


def test_transaction_without_a_chain_id_is_taken(ask: Asker) -> None:
    # As those are that deploy the factory of create2.py on every chain.
    send(ask, signed(chainId=None, gasPrice=3 * GWEI))
    assert ask("eth_blockNumber") == "0x1"


@pytest.mark.parametrize("raw", ["0x", "0x00", "0x02", "0x02c0", "0xc0", "0x7f", "0xff", "0x05" + "00" * 9])
def test_garbage_is_no_transaction(ask: Asker, raw: str) -> None:
    assert "cannot decode" in refusal(ask, raw)


def nested(depth: int) -> str:
    """Write RLP lists in lists."""
    prefixes, size = [], 1
    for _ in range(depth):
        length = size.to_bytes((size.bit_length() + 7) // 8)
        prefixes.append(bytes([0xC0 + size]) if size < 56 else bytes([0xF7 + len(length)]) + length)
        size += len(prefixes[-1])
    return (b"".join(reversed(prefixes)) + b"\xc0").hex()


@pytest.mark.parametrize("kind", ["", "02", "04"])
def test_nested_lists_are_no_transaction(ask: Asker, kind: str) -> None:
    for depth in (5, 3_000):
        assert "cannot decode" in refusal(ask, "0x" + kind + nested(depth))


def test_transactions_are_bounded(ask: Asker) -> None:
    assert "cannot decode" in refusal(ask, "0x02" + "00" * (128 * 1024 - 1))
    message = refusal(ask, "0x02" + "00" * (128 * 1024))
    assert message == "oversized data: transaction size 131073, limit 131072"


def test_cut_or_longer_transaction_is_none(ask: Asker) -> None:
    raw = signed()
    for changed in (raw[:-2], raw + "00", raw[:20] + raw[22:]):
        assert "cannot decode" in refusal(ask, changed)


def test_signature_of_nobody(ask: Asker) -> None:
    raw = bytearray.fromhex(signed()[2:])
    raw[-32:] = b"\xff" * 32
    assert "invalid sender" in refusal(ask, "0x" + raw.hex()) or "cannot decode" in refusal(
        ask, "0x" + raw.hex()
    )


def test_blobs_are_refused(ask: Asker) -> None:
    assert refusal(ask, "0x03c0") == "transaction type not supported: blobs"


def test_transaction_that_fails_is_mined_all_the_same(ask: Asker) -> None:
    reverting = ask.deploy("5f5ffd")
    receipt = ask("eth_getTransactionReceipt", send(ask, signed(to=reverting, gas=50_000)))
    assert receipt["status"] == "0x0"
    assert ask("eth_getTransactionCount", ALICE.address) == "0x1"


def test_transaction_that_breaks_the_evm_is_refused_and_the_chain_goes_on(
    ask: Asker, monkeypatch: pytest.MonkeyPatch
) -> None:
    state_class = type(ask.node.chain.state(ask.node.chain.head))
    with monkeypatch.context() as broken:
        broken.setattr(state_class, "apply_transaction", lambda *_: 1 / 0)
        assert refusal(ask, signed(0)) == "the transaction can't be executed"
    send(ask, signed(0))


def test_decoding_knows_the_sender() -> None:
    assert decode_transaction(bytes.fromhex(signed()[2:])).sender.hex() == ALICE.address[2:].lower()
    with pytest.raises(RpcError):
        decode_transaction(b"")


# States


def test_next_state_includes_what_waits(ask_waiting: Asker) -> None:
    send(ask_waiting, signed(value=500))
    assert ask_waiting.number("eth_getBalance", BOB.address) == 10_000 * 10**18
    assert ask_waiting.number("eth_getBalance", BOB.address, "pending") == 10_000 * 10**18 + 500
    assert ask_waiting("eth_getTransactionCount", ALICE.address, "pending") == "0x1"


# Snapshots


def test_going_back_restores_everything(ask: Asker, clock: SlowClock) -> None:
    send(ask, signed(0))
    head = ask("eth_getBlockByNumber", "latest", False)
    snapshot = ask("evm_snapshot")
    ask("evm_increaseTime", 5000)
    dropped = send(ask, signed(1))
    assert ask("evm_revert", snapshot) is True
    assert ask("eth_getBlockByNumber", "latest", False) == head
    assert ask("eth_getTransactionReceipt", dropped) is None
    assert ask("eth_getTransactionCount", ALICE.address) == "0x1"
    clock.now += 60
    send(ask, signed(1))
    assert int(ask("eth_getBlockByNumber", "latest", False)["timestamp"], 16) == START + 60


def test_snapshot_is_used_up_with_all_later_ones(ask: Asker) -> None:
    first, second, third = (ask("evm_snapshot") for _ in range(3))
    assert ask("evm_revert", second) is True
    assert ask("evm_revert", second) is False
    assert ask("evm_revert", third) is False
    assert ask("evm_revert", first) is True


def test_waiting_transactions_come_back(ask_waiting: Asker) -> None:
    ask = ask_waiting
    early = send(ask, signed(1))
    snapshot = ask("evm_snapshot")
    send(ask, signed(0))
    ask("evm_mine")
    later = send(ask, signed(3))
    ask("evm_revert", snapshot)
    assert ask("eth_getTransactionByHash", early)["blockNumber"] is None
    assert ask("eth_getTransactionByHash", later) is None


def test_snapshots_are_bounded(ask: Asker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(node_module, "MAX_SNAPSHOTS", 2)
    first, second, _ = (ask("evm_snapshot") for _ in range(3))
    assert ask("evm_revert", first) is False
    assert ask("evm_revert", second) is True


# After a restart


def test_waiting_transactions_outlive_a_restart(tmp_path: Path, clock: SlowClock) -> None:
    with closing(Ledger(tmp_path / "chain")) as ledger:
        before = Asker(ledger, clock, mines_at_once=False)
        waiting = [send(before, signed(nonce)) for nonce in (1, 0)]
        replaced = send(before, signed(5))
        better = send(before, signed(5, maxFeePerGas=9 * GWEI, maxPriorityFeePerGas=2 * GWEI))
    with closing(Ledger(tmp_path / "chain")) as ledger:
        after = Asker(ledger, clock, mines_at_once=False)
        assert after("eth_getTransactionByHash", replaced) is None
        assert after("eth_getTransactionByHash", better) is not None
        after("evm_mine")
        assert set(after("eth_getBlockByNumber", "latest", False)["transactions"]) == set(waiting)
    with closing(Ledger(tmp_path / "chain")) as ledger:
        again = Asker(ledger, clock, mines_at_once=False)
        assert len(again.node.pool) == 1


def test_node_that_mines_at_once_mines_what_it_finds_waiting(tmp_path: Path, clock: SlowClock) -> None:
    with closing(Ledger(tmp_path / "chain")) as ledger:
        waiting = send(Asker(ledger, clock, mines_at_once=False), signed())
    with closing(Ledger(tmp_path / "chain")) as ledger:
        assert Asker(ledger, clock)("eth_getTransactionReceipt", waiting)["status"] == "0x1"
