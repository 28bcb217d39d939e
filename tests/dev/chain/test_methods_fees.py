import pytest

from tests.dev.chain.asking import GWEI, Asker, signed


def test_prices_get_a_transaction_into_the_next_block(ask: Asker) -> None:
    assert ask("eth_maxPriorityFeePerGas") == hex(GWEI)
    price = ask.number("eth_gasPrice")
    assert price == 875_000_000 + GWEI
    ask("eth_sendRawTransaction", signed(gasPrice=price))
    assert ask("eth_blockNumber") == "0x1"


def test_history_of_blocks(ask_waiting: Asker) -> None:
    ask = ask_waiting
    for nonce, tip in ((0, GWEI), (1, 2 * GWEI)):
        ask("eth_sendRawTransaction", signed(nonce, maxPriorityFeePerGas=tip, maxFeePerGas=9 * GWEI))
    ask("evm_mine")
    ask("evm_mine")
    history = ask("eth_feeHistory", "0x2", "latest", [0, 50, 51, 100])
    fees = [ask("eth_getBlockByNumber", number, False)["baseFeePerGas"] for number in ("0x1", "0x2")]
    assert history["oldestBlock"] == "0x1"
    assert history["baseFeePerGas"][:2] == fees
    assert int(history["baseFeePerGas"][2], 16) == ask.number("eth_gasPrice") - GWEI
    assert history["gasUsedRatio"] == [42_000 / 30_000_000, 0]
    tips = [hex(GWEI), hex(GWEI), hex(2 * GWEI), hex(2 * GWEI)]
    assert history["reward"] == [tips, ["0x0"] * 4]


def test_history_ends_where_it_is_told_and_starts_with_the_chain(ask: Asker) -> None:
    ask("evm_mine", {"blocks": 3})
    history = ask("eth_feeHistory", "0x400", "0x1")
    assert history["oldestBlock"] == "0x0"
    assert len(history["gasUsedRatio"]) == 2
    fees = [ask("eth_getBlockByNumber", hex(n), False)["baseFeePerGas"] for n in range(3)]
    assert history["baseFeePerGas"] == fees
    assert "reward" not in history


def test_history_of_no_blocks(ask: Asker) -> None:
    history = ask("eth_feeHistory", "0x0", "latest", [])
    assert history["gasUsedRatio"] == []


def test_history_is_bounded(ask: Asker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("minirelay.dev.chain.methods_fees.MAX_BLOCKS", 2)
    ask("evm_mine", {"blocks": 5})
    assert len(ask("eth_feeHistory", "0xffff", "latest", [50])["reward"]) == 2


@pytest.mark.parametrize(
    "params",
    [
        [],
        ["0x1"],
        ["0x1", "latest", {}],
        ["0x1", "latest", [50, 25]],
        ["0x1", "latest", [-1]],
        ["0x1", "latest", [101]],
        ["0x1", "latest", ["50"]],
        ["0x1", "latest", [True]],
        ["0x1", "latest", [1] * 101],
    ],
)
def test_malformed_history(ask: Asker, params: list[object]) -> None:
    assert ask.error("eth_feeHistory", *params)[0] == -32602


def test_history_of_a_block_to_come(ask: Asker) -> None:
    assert ask.error("eth_feeHistory", "0x1", "0x5") == (-32000, "header not found")


def test_blob_gas_costs_the_least(ask: Asker) -> None:
    assert ask("eth_blobBaseFee") == "0x1"
