from typing import Any

import pytest

from minirelay.errors import MalformedInput
from minirelay.payments.transaction_records import (
    MAX_CANDIDATES,
    USER_OPERATION_EVENT,
    Receipt,
    ReceiptLog,
    Transaction,
    read_receipt,
    read_transaction,
)
from minirelay.protocol.block_id import BlockId
from minirelay.protocol.json_rpc import write_data

BLOCK = BlockId(7, b"\x07" * 32)
SENDER, TO, WALLET, TOKEN = (bytes([number]) * 20 for number in (1, 2, 3, 4))


def word(address: bytes) -> bytes:
    return bytes(12) + address


def receipt_json(**changed: Any) -> dict[str, Any]:
    log = {"address": write_data(TOKEN), "topics": [write_data(word(WALLET))], "logIndex": "0x5"}
    receipt = {
        "blockHash": write_data(BLOCK.hash),
        "from": write_data(SENDER),
        "to": write_data(TO),
        "logs": [log],
    }
    return receipt | changed


def test_transaction_is_read() -> None:
    found = {"blockHash": write_data(BLOCK.hash), "to": write_data(TO), "input": "0x0102"}
    assert read_transaction(found, BLOCK) == Transaction(TO, b"\x01\x02")
    assert read_transaction(found | {"to": None}, BLOCK) == Transaction(None, b"\x01\x02")


@pytest.mark.parametrize(
    "found",
    [
        None,
        [],
        {},
        {"blockHash": None, "to": None, "input": "0x"},
        {"blockHash": write_data(bytes(32)), "to": None, "input": "0x"},
        {"blockHash": write_data(BLOCK.hash), "to": "0x01", "input": "0x"},
        {"blockHash": write_data(BLOCK.hash), "to": None, "input": 5},
    ],
)
def test_transaction_of_another_block_or_fork_is_no_answer(found: object) -> None:
    with pytest.raises(MalformedInput):
        read_transaction(found, BLOCK)


def test_receipt_is_read() -> None:
    log = ReceiptLog(TOKEN, (word(WALLET),), 5)
    assert read_receipt(receipt_json(), BLOCK) == Receipt(SENDER, TO, (log,))
    assert read_receipt(receipt_json(to=None, logs=[]), BLOCK) == Receipt(SENDER, None, ())


@pytest.mark.parametrize(
    "changed",
    [
        {"blockHash": write_data(bytes(32))},
        {"from": None},
        {"to": "0x"},
        {"logs": None},
        {"logs": [5]},
        {"logs": [{"address": write_data(TOKEN), "topics": ["0x01"], "logIndex": "0x0"}]},
        {"logs": [{"address": write_data(TOKEN), "topics": ["0x"] * 5, "logIndex": "0x0"}]},
        {"logs": [{"address": write_data(TOKEN), "topics": [], "logIndex": None}]},
    ],
)
def test_strange_receipt_is_no_answer(changed: dict[str, object]) -> None:
    with pytest.raises(MalformedInput):
        read_receipt(receipt_json(**changed), BLOCK)


def operation(wallet: bytes, index: int) -> ReceiptLog:
    return ReceiptLog(TO, (USER_OPERATION_EVENT, bytes(32), word(wallet), bytes(32)), index)


def test_candidates_come_in_the_order_of_the_spec_each_once() -> None:
    named, logging = b"\x05" * 20, b"\x06" * 20
    logs = (
        ReceiptLog(logging, (bytes(32), word(named), word(SENDER)), 1),
        operation(WALLET, 2),
        ReceiptLog(TOKEN, (), 3),
    )
    assert Receipt(SENDER, TO, logs).candidates(1) == [SENDER, TO, WALLET, logging, TOKEN, named]


def test_first_topic_and_what_is_no_address_names_nobody() -> None:
    logs = (ReceiptLog(TO, (word(WALLET), b"\x01" * 32, bytes(32)), 0),)
    assert Receipt(SENDER, TO, logs).candidates(0) == [SENDER, TO]


def test_wallet_whose_operation_ends_behind_the_event_is_first_of_a_bundle() -> None:
    wallets = [bytes([9, number]) + bytes(18) for number in range(200)]
    # Each wallet's event, and then what the entry point tells of it.
    logs = tuple(operation(wallet, 2 * number + 1) for number, wallet in enumerate(wallets))
    candidates = Receipt(SENDER, TO, logs).candidates(2 * 150)
    assert candidates[:4] == [SENDER, TO, wallets[150], wallets[151]]
    assert len(candidates) == MAX_CANDIDATES


def test_creation_of_a_contract_has_no_recipient() -> None:
    assert Receipt(SENDER, None, ()).candidates(0) == [SENDER]
