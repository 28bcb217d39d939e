import pytest

from tests.dev.chain.asking import ALICE, BOB, START, Asker, signed


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
