import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minirelay.errors import Code, Refusal
from minirelay.shop.objects import ChainAddress
from minirelay.shop.quote import FixedRates, NoRates, Rate, convert, is_native, no_rate
from tests.shop.second_pricing import TooMuch, converted

ONE = Rate(1, 1)
ETH = ChainAddress(chain_id=1337, address=bytes(20))
OTHER_ETH = ChainAddress(chain_id=1, address=bytes(20))
EDD = ChainAddress(chain_id=1337, address=b"\x70" * 20)
OTHER_EDD = ChainAddress(chain_id=1, address=b"\x70" * 20)
FIXED = FixedRates(Rate(1500, 1), is_development=False)


# Conversion


def test_two_thousandths_of_a_coin_are_300_units_of_two_decimals_at_1500() -> None:
    assert convert(2 * 10**15, 18, 2, Rate(1500, 1)) == 300


def test_10_wei_into_two_decimals_is_1() -> None:
    assert convert(10, 18, 2, ONE) == 1


@pytest.mark.parametrize("amount", [1, 99, 10**13])
def test_what_costs_something_never_becomes_0(amount: int) -> None:
    assert convert(amount, 18, 2, Rate(1, 10**30)) == 1


def test_price_of_0_stays_0() -> None:
    assert convert(0, 18, 2, Rate(1500, 1)) == 0


def test_scaling_to_16_decimals_truncates() -> None:
    """199 wei are 1 at 16 decimals; untruncated, times a hundred they would be 199."""
    assert convert(199, 18, 16, Rate(100, 1)) == 100


def test_multiplying_by_the_rate_truncates() -> None:
    """1 × 1/2 is 0 at 16 decimals; untruncated, it would be 50 at 18."""
    assert convert(100, 18, 18, Rate(1, 2)) == 1
    assert convert(300, 18, 18, Rate(1, 2)) == 100


def test_scaling_to_the_chosen_decimals_truncates() -> None:
    assert convert(1_999, 3, 2, ONE) == 199


def test_more_decimals_are_filled_up() -> None:
    assert convert(7, 1, 18, ONE) == 7 * 10**17
    assert convert(7, 2, 6, Rate(3, 1)) == 210_000


@pytest.mark.parametrize("decimals", [0, 19, 24, 255, 2**255])
def test_decimals_are_1_to_18(decimals: int) -> None:
    for pair in ((decimals, 2), (2, decimals)):
        with pytest.raises(Refusal) as caught:
            convert(5, *pair, ONE)
        assert caught.value.code is Code.INVALID
    assert convert(5, 1, 18, ONE) == 5 * 10**17


def test_total_is_a_uint256() -> None:
    most = 2**256 - 1
    assert convert(most // 10**6, 2, 8, ONE) == most // 10**6 * 10**6
    with pytest.raises(Refusal) as caught:
        convert(2**256 // 10**6 + 1, 2, 8, ONE)
    assert caught.value.code is Code.INVALID


@settings(derandomize=True, max_examples=500, deadline=None)
@given(
    amount=st.one_of(st.integers(0, 10**6), st.integers(0, 10**22), st.integers(0, 2**256 - 1)),
    decimals=st.tuples(st.integers(1, 18), st.integers(1, 18)),
    rate=st.tuples(
        *[st.one_of(st.integers(1, 10**5), st.integers(1, 10**30), st.integers(1, 2**256 - 1))] * 2
    ),
)
def test_conversion_equals_a_second_computation_with_fractions(
    amount: int, decimals: tuple[int, int], rate: tuple[int, int]
) -> None:
    expected = converted(amount, decimals, rate)
    if isinstance(expected, TooMuch):
        with pytest.raises(Refusal) as caught:
            convert(amount, *decimals, Rate(*rate))
        assert caught.value.code is Code.INVALID
    else:
        assert convert(amount, *decimals, Rate(*rate)) == expected


@pytest.mark.parametrize("parts", [(0, 1), (1, 0), (-1, 1), (1, -1), (2**256, 1), (1, 2**256)])
def test_rate_is_a_positive_fraction(parts: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="fraction"):
        Rate(*parts)


# Sources


def test_fixed_rate_is_the_same_in_every_direction() -> None:
    assert FIXED.rate(ETH, EDD) == FIXED.rate(EDD, ETH) == FIXED.rate(EDD, OTHER_EDD) == Rate(1500, 1)


def test_fixed_rate_is_none_between_native_coins_outside_development() -> None:
    assert FIXED.rate(ETH, OTHER_ETH) is None
    assert FixedRates(Rate(1500, 1), is_development=True).rate(ETH, OTHER_ETH) == Rate(1500, 1)


def test_source_none_has_no_rate() -> None:
    assert NoRates().rate(ETH, EDD) is NoRates().rate(EDD, OTHER_EDD) is None


def test_refusal_without_a_rate_is_in_the_words_of_the_spec() -> None:
    refusal = no_rate()
    assert (refusal.code, refusal.message) == (Code.INVALID, "failed to establish conversion price")


def test_zero_address_is_the_native_coin() -> None:
    assert is_native(ETH)
    assert not is_native(EDD)
