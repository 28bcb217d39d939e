"""How long answers may be, for what was asked."""

import pytest

from minirelay.protocol.answer_bounds import FRAME_BYTES, array_bytes, most_bytes, most_containers


@pytest.mark.parametrize("method", ["eth_chainId", "eth_blockNumber", "eth_getBalance", "eth_no_such_method"])
def test_a_number_needs_no_more_than_its_frame(method: str) -> None:
    assert most_bytes(method) == FRAME_BYTES


def test_a_call_needs_two_digits_a_byte() -> None:
    assert most_bytes("eth_call", 32) == FRAME_BYTES + 64
    assert most_bytes("eth_call", array_bytes(1024)) < 100_000


def test_blocks_transactions_and_logs_are_longer() -> None:
    assert FRAME_BYTES < most_bytes("eth_getTransactionReceipt") < most_bytes("eth_getBlockByNumber")
    assert most_bytes("eth_getBlockByNumber") < most_bytes("eth_getLogs") == 16 * 2**20


def test_an_array_is_an_offset_a_length_and_its_words() -> None:
    assert array_bytes(3) == 32 * 5


def test_containers_go_by_length() -> None:
    assert most_containers(0) == most_containers(1000) == 512
    # A log of an ERC-20 transfer: two containers in more than 600 bytes.
    assert most_containers(16 * 2**20) > 2 * 16 * 2**20 // 600
