"""Rates and amounts of money."""

import pytest

from minirelay.config.money import Factor, LargeTotal
from minirelay.config.values import read


def test_a_factor_is_two_numbers() -> None:
    factor = read(Factor, "1500/7")
    assert isinstance(factor, Factor)
    assert (factor.numerator, factor.denominator, str(factor)) == (1500, 7, "1500/7")


@pytest.mark.parametrize(
    "given", ["0/1", "1/0", "1500", "1500/", "/1", "1.5/1", "-1/1", "1/1 ", 1500, None, "1" * 32 + "/1"]
)
def test_factors_that_are_none(given: object) -> None:
    with pytest.raises(ValueError, match="like 1500/1"):
        Factor.parse(given)


TOKEN_TEXT = f"0x{'ab' * 20}"


@pytest.mark.parametrize(
    ("given", "currency", "amount", "confirmations"),
    [
        ("coin=2.5", bytes(20), 25 * 10**17, 1),
        ("coin=1/30", bytes(20), 10**18, 30),
        (f"{TOKEN_TEXT}=5000000", b"\xab" * 20, 5_000_000, 1),
        (f"{TOKEN_TEXT}=0/64", b"\xab" * 20, 0, 64),
    ],
)
def test_large_totals_name_a_currency_a_sum_and_a_depth(
    given: str, currency: bytes, amount: int, confirmations: int
) -> None:
    total = LargeTotal.parse(given)
    assert (total.currency, total.amount, total.confirmations) == (currency, amount, confirmations)


@pytest.mark.parametrize(
    "given",
    ["", "coin", "coin=", "eth=1", "0xab=1", f"{TOKEN_TEXT}=1.5", "coin=1/0", "coin=1/", "coin=-1", 5, None],
)
def test_what_names_no_large_total_is_refused(given: object) -> None:
    with pytest.raises(ValueError, match="a currency and a sum"):
        LargeTotal.parse(given)
