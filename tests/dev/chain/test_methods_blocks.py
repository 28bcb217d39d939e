import pytest

from minirelay.dev.accounts import FAUCET
from tests.dev.chain.asking import ALICE, BOB, CAROL, GWEI, START, STORE, Asker, creation, signed, store

ZERO_KEY = {"address": BOB.address, "storageKeys": ["0x" + "00" * 32]}


def test_number_counts_up(ask: Asker) -> None:
    assert ask("eth_blockNumber") == "0x0"
    ask("evm_mine")
    assert ask("eth_blockNumber") == "0x1"


def test_block_by_number_tag_and_hash(ask: Asker) -> None:
    ask("eth_sendRawTransaction", signed())
    block = ask("eth_getBlockByNumber", "0x1", False)
    for tag in ("latest", "safe", "finalized"):
        assert ask("eth_getBlockByNumber", tag, False) == block
    assert ask("eth_getBlockByHash", block["hash"], False) == block
    assert ask("eth_getBlockByNumber", "earliest", False)["number"] == "0x0"
    assert block["parentHash"] == ask("eth_getBlockByNumber", "0x0", False)["hash"]


def test_block_with_whole_transactions(ask: Asker) -> None:
    tx_hash = ask("eth_sendRawTransaction", signed())
    assert ask("eth_getBlockByNumber", "latest", False)["transactions"] == [tx_hash]
    (whole,) = ask("eth_getBlockByNumber", "latest", True)["transactions"]
    assert whole == ask("eth_getTransactionByHash", tx_hash)


def test_missing_block_is_null(ask: Asker) -> None:
    missing = "0x" + "11" * 32
    assert ask("eth_getBlockByNumber", "0x1", False) is None
    assert ask("eth_getBlockByNumber", hex(2**200), False) is None
    assert ask("eth_getBlockByHash", missing, False) is None
    assert ask("eth_getBlockTransactionCountByNumber", "0x1") is None
    assert ask("eth_getBlockTransactionCountByHash", missing) is None
    assert ask("eth_getTransactionByBlockNumberAndIndex", "0x1", "0x0") is None
    assert ask("eth_getTransactionByBlockHashAndIndex", missing, "0x0") is None


def test_next_block_shows_what_waits(ask_waiting: Asker) -> None:
    tx_hash = ask_waiting("eth_sendRawTransaction", signed())
    block = ask_waiting("eth_getBlockByNumber", "pending", False)
    assert block["transactions"] == [tx_hash]
    assert (block["number"], block["hash"], block["nonce"]) == ("0x1", None, None)
    assert int(block["timestamp"], 16) == START + 1
    (whole,) = ask_waiting("eth_getBlockByNumber", "pending", True)["transactions"]
    assert whole["blockHash"] is None
    assert ask_waiting("eth_getBlockTransactionCountByNumber", "pending") == "0x1"
    assert ask_waiting("eth_getBlockTransactionCountByNumber", "latest") == "0x0"


def test_transactions_by_place(ask_waiting: Asker) -> None:
    ask = ask_waiting
    hashes = [ask("eth_sendRawTransaction", signed(nonce)) for nonce in (0, 1)]
    ask("evm_mine")
    block_hash = ask("eth_getBlockByNumber", "latest", False)["hash"]
    for index, tx_hash in enumerate(hashes):
        by_number = ask("eth_getTransactionByBlockNumberAndIndex", "latest", hex(index))
        assert by_number["hash"] == tx_hash
        assert by_number["transactionIndex"] == hex(index)
        assert ask("eth_getTransactionByBlockHashAndIndex", block_hash, hex(index)) == by_number
    assert ask("eth_getTransactionByBlockNumberAndIndex", "latest", "0x2") is None
    assert ask("eth_getBlockTransactionCountByHash", block_hash) == "0x2"


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("eth_getBlockByNumber", []),
        ("eth_getBlockByNumber", ["0x0", "yes"]),
        ("eth_getBlockByHash", ["0x0", False]),
        ("eth_getTransactionByBlockNumberAndIndex", ["latest"]),
    ],
)
def test_malformed_parameters(ask: Asker, method: str, params: list[object]) -> None:
    assert ask.error(method, *params)[0] == -32602


def test_flag_may_be_left_out(ask: Asker) -> None:
    assert ask("eth_getBlockByNumber", "latest")["transactions"] == []


def test_who_and_whom(ask: Asker) -> None:
    ask("eth_sendRawTransaction", signed())
    (whole,) = ask("eth_getBlockByNumber", "latest", True)["transactions"]
    assert (whole["from"], whole["to"]) == (ALICE.address, BOB.address)


def test_sent_transaction_is_signed_for_the_account(ask: Asker) -> None:
    tx = ask("eth_getTransactionByHash", ask.pay(value="0x7"))
    assert (tx["from"], tx["to"], tx["value"]) == (ALICE.address, BOB.address, "0x7")
    assert (tx["type"], tx["gas"], tx["nonce"]) == ("0x2", hex(21_000), "0x0")
    assert tx["maxPriorityFeePerGas"] == hex(GWEI)
    assert tx["maxFeePerGas"] == hex(2 * 875_000_000 + GWEI)


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ({"gasPrice": hex(3 * GWEI)}, "0x0"),
        ({"gasPrice": hex(3 * GWEI), "accessList": [ZERO_KEY]}, "0x1"),
        ({"accessList": [ZERO_KEY]}, "0x2"),
        ({"maxFeePerGas": hex(5 * GWEI), "maxPriorityFeePerGas": hex(2 * GWEI)}, "0x2"),
    ],
)
def test_fields_choose_the_type(ask: Asker, fields: dict[str, object], kind: str) -> None:
    tx = ask("eth_getTransactionByHash", ask.pay(**fields))
    assert tx["type"] == kind
    for name, value in fields.items():
        assert tx[name] == value


def test_nonce_and_gas_can_be_given(ask: Asker) -> None:
    tx = ask("eth_getTransactionByHash", ask.pay(nonce="0x0", gas=hex(50_000)))
    assert (tx["nonce"], tx["gas"]) == ("0x0", hex(50_000))
    assert ask.error("eth_sendTransaction", {"from": ALICE.address, "to": BOB.address, "nonce": "0x0"}) == (
        -32000,
        "nonce too low: next nonce 1, tx nonce 0",
    )


def test_nonces_count_on_behind_what_waits(ask_waiting: Asker) -> None:
    nonces = [ask_waiting("eth_getTransactionByHash", ask_waiting.pay())["nonce"] for _ in range(3)]
    assert nonces == ["0x0", "0x1", "0x2"]


def test_only_the_ten_send_unsigned(ask: Asker) -> None:
    for sender in (FAUCET.address, "0x" + "99" * 20):
        assert ask.error("eth_sendTransaction", {"from": sender, "to": BOB.address}) == (
            -32000,
            "unknown account",
        )


def test_who_names_no_sender_sends_as_the_first_account(ask: Asker) -> None:
    tx = ask("eth_getTransactionByHash", ask("eth_sendTransaction", {"to": BOB.address, "value": "0x7"}))
    assert (tx["from"], tx["value"]) == (ALICE.address, "0x7")


def test_unsigned_transaction_that_would_revert_is_not_sent(ask: Asker) -> None:
    reverting = ask.deploy("5f5ffd")
    code, message, data = ask.revert("eth_sendTransaction", {"from": ALICE.address, "to": reverting})
    assert (code, message, data) == (3, "execution reverted", "0x")
    assert ask("eth_getTransactionCount", ALICE.address) == "0x0"


def test_waiting_transaction_has_no_place_yet(ask_waiting: Asker) -> None:
    tx_hash = ask_waiting("eth_sendRawTransaction", signed())
    tx = ask_waiting("eth_getTransactionByHash", tx_hash)
    assert (tx["blockHash"], tx["blockNumber"], tx["transactionIndex"]) == (None, None, None)
    assert tx["gasPrice"] == hex(3 * GWEI)
    assert ask_waiting("eth_getTransactionReceipt", tx_hash) is None


def test_unknown_transaction_is_null(ask: Asker) -> None:
    assert ask("eth_getTransactionByHash", "0x" + "11" * 32) is None
    assert ask("eth_getTransactionReceipt", "0x" + "11" * 32) is None
    assert ask.error("eth_getTransactionReceipt", "0x11")[0] == -32602


def test_receipts_of_one_block_add_up(ask_waiting: Asker) -> None:
    ask = ask_waiting
    contract = ask("eth_sendTransaction", {"from": CAROL.address, "data": creation(STORE)})
    ask("evm_mine")
    address = ask("eth_getTransactionReceipt", contract)["contractAddress"]
    hashes = [
        ask("eth_sendRawTransaction", signed()),
        ask("eth_sendTransaction", {"from": BOB.address, "to": address, "data": store(1)}),
        ask("eth_sendTransaction", {"from": CAROL.address, "to": address, "data": store(2)}),
    ]
    ask("evm_mine")
    receipts = [ask("eth_getTransactionReceipt", tx_hash) for tx_hash in hashes]
    used = [int(receipt["gasUsed"], 16) for receipt in receipts]
    assert [int(receipt["cumulativeGasUsed"], 16) for receipt in receipts] == [
        sum(used[:1]),
        sum(used[:2]),
        sum(used),
    ]
    assert int(ask("eth_getBlockByNumber", "latest", False)["gasUsed"], 16) == sum(used)
    assert [[log["logIndex"] for log in receipt["logs"]] for receipt in receipts] == [[], ["0x0"], ["0x1"]]
    assert receipts[2]["logs"][0]["transactionHash"] == hashes[2]
    assert receipts[2]["logs"][0]["data"] == f"0x{2:064x}"


def test_creation_names_its_contract(ask: Asker) -> None:
    tx_hash = ask("eth_sendTransaction", {"from": ALICE.address, "data": creation(STORE)})
    receipt = ask("eth_getTransactionReceipt", tx_hash)
    assert receipt["to"] is None
    assert receipt["contractAddress"] == "0x5FbDB2315678afecb367f032d93F642f64180aa3"
    assert ask("eth_getCode", receipt["contractAddress"]) == "0x" + STORE


def test_receipts_of_a_block(ask_waiting: Asker) -> None:
    ask = ask_waiting
    hashes = [ask.pay() for _ in range(3)]
    ask("evm_mine")
    receipts = ask("eth_getBlockReceipts", "latest")
    assert receipts == [ask("eth_getTransactionReceipt", tx_hash) for tx_hash in hashes]
    assert [int(receipt["cumulativeGasUsed"], 16) for receipt in receipts] == [21_000, 42_000, 63_000]
    assert ask("eth_getBlockReceipts", {"blockHash": receipts[0]["blockHash"]}) == receipts
    assert ask("eth_getBlockReceipts", "0x9") is None
    assert ask("eth_getBlockReceipts", "0x0") == []
