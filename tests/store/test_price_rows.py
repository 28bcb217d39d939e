from fractions import Fraction

import pytest

from minirelay.store.price_rows import decode_price, encode_price, price_key


@pytest.mark.parametrize("price", [Fraction(1), Fraction(1, 3), Fraction(10**40, 7), Fraction(1, 10**60)])
def test_prices_are_stored_exactly(price: Fraction) -> None:
    assert decode_price(encode_price(price)) == price


@pytest.mark.parametrize("stored", [b"", b"1", b"1/0", b"/2", b"-1/2", b"a/b", b"1/2/3"])
def test_what_was_never_stored_is_none(stored: bytes) -> None:
    assert decode_price(stored) is None


def test_each_currency_has_its_row() -> None:
    assert price_key((1, b"\x01" * 20)) == f"price/1/{'01' * 20}"
