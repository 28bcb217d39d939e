from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minirelay.payments.price_text import MOST_CHARACTERS, read_price


@pytest.mark.parametrize(
    ("text", "price"),
    [
        ("1", Fraction(1)),
        ("3001.23", Fraction(300123, 100)),
        ("0.1", Fraction(1, 10)),
        # More digits than a float has.
        ("0.12345678901234567890123456789", Fraction(12345678901234567890123456789, 10**29)),
        ("1.5e-8", Fraction(15, 10**9)),
        ("2E+3", Fraction(2000)),
        ("1e40", Fraction(10**40)),
    ],
)
def test_prices_are_read_to_the_last_digit(text: str, price: Fraction) -> None:
    assert read_price(text) == price


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "null",
            "0",
            "0.0",
            "0e5",
            "-1",
            "-0",
            "+1",
            "01",
            ".5",
            "5.",
            "1e",
            "true",
            '"1"',
            "[1]",
            " 1",
        ),
        *("NaN", "Infinity", "-Infinity", "1e41", "1e-41", "1e999999999", "1_0", "1" * 41, "0x10", "١"),
        "0." + "1" * MOST_CHARACTERS,
    ],
)
def test_what_is_no_price_is_none(text: str) -> None:
    assert read_price(text) is None


@given(st.decimals(min_value="0.000000000000000001", max_value=10**18, places=18))
def test_every_decimal_comes_back(value: object) -> None:
    assert read_price(f"{value:f}") == Fraction(str(value))
