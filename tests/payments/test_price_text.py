from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minirelay.errors import MalformedInput
from minirelay.payments.price_text import MOST_CHARACTERS, read_place, read_price, show_place, show_price
from minirelay.protocol.addresses import NATIVE_COIN


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


@given(st.fractions(Fraction(1, 10**20), 10**20))
def test_what_people_read_is_nearly_the_price(price: Fraction) -> None:
    again = read_price(show_price(price))
    assert again is not None
    assert abs(again - price) <= price / 10**5


@given(st.integers(1, 10**18), st.one_of(st.just(NATIVE_COIN), st.binary(min_size=20, max_size=20)))
def test_currency_is_read_as_it_is_shown(chain_id: int, address: bytes) -> None:
    shown = show_place((chain_id, address))
    assert (
        read_place(shown)
        == read_place(shown.replace("coin", "0x" + "00" * 20).lower())
        == (chain_id, address)
    )


@pytest.mark.parametrize(
    "text", ["", "coin", "0/coin", "1/0x12", "1/coin ", "1:coin", "-1/coin", "\u0661/coin"]
)
def test_what_names_no_currency_is_refused(text: str) -> None:
    with pytest.raises(MalformedInput, match="1/coin"):
        read_place(text)
