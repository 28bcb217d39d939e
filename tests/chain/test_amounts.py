"""Amounts of native coins for people."""

import pytest

from minirelay.chain.amounts import show_balance, show_cost, show_exact


@pytest.mark.parametrize(
    ("wei", "cost", "balance"),
    [
        (0, "0 ETH", "0 ETH"),
        (1, "0.000000000000000001 ETH", "0.000000000000000001 ETH"),
        (10**18, "1 ETH", "1 ETH"),
        (10**20, "100 ETH", "100 ETH"),
        (123_456_789 * 10**9, "0.1235 ETH", "0.1234 ETH"),
        (421_234_567_890, "0.0000004213 ETH", "0.0000004212 ETH"),
        (99_999 * 10**18, "100000 ETH", "99990 ETH"),
        (2**256 - 1, None, None),
    ],
)
def test_four_digits_to_the_safe_side(wei: int, cost: str | None, balance: str | None) -> None:
    shown = show_cost(wei, 1), show_balance(wei, 1)
    assert (cost, balance) == (None, None) or shown == (cost, balance)
    assert "E+" not in shown[0]


def test_coins_have_the_names_of_their_chains() -> None:
    assert show_cost(10**18, 137) == "1 POL"
    assert show_cost(10**18, 424242) == "1 coins"


@pytest.mark.parametrize(
    ("wei", "shown"),
    [
        (0, "0"),
        (1, "0.000000000000000001"),
        (10**18, "1"),
        (10**19, "10"),
        (26_250_000, "0.00000000002625"),
        (10**20 + 5 * 10**17, "100.5"),
        (2**256 - 1, "115792089237316195423570985008687907853269984665640564039457.584007913129639935"),
    ],
)
def test_exact_amounts_have_no_zeros_at_their_end(wei: int, shown: str) -> None:
    assert show_exact(wei) == shown
