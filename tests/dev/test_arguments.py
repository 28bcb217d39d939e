"""Shares as developers write them."""

from fractions import Fraction

import pytest

from minirelay.dev.arguments import read_percent, share_of
from minirelay.errors import ConfigError


@pytest.mark.parametrize(
    ("given", "share"), [("50%", Fraction(1, 2)), ("0.1", Fraction(1, 1000)), ("1/3", Fraction(1, 300))]
)
def test_shares_are_exact(given: str, share: Fraction) -> None:
    assert read_percent(given) == share


@pytest.mark.parametrize(
    "given", ["", "x", "nan", "inf", "0", "-1", "10001%", "1/0", "1e9", "1E99999999999", "1" * 100]
)
def test_what_is_no_percentage_is_refused_on_one_short_line(given: str) -> None:
    with pytest.raises(ConfigError) as refused:
        read_percent(given)
    assert len(str(refused.value)) < 100


def test_share_is_all_less_or_more() -> None:
    assert share_of(None, None) is None
    assert share_of(Fraction(1, 2), None) == Fraction(1, 2)
    assert share_of(None, Fraction(1, 10)) == Fraction(11, 10)
    with pytest.raises(ConfigError, match="exclude each other"):
        share_of(Fraction(1, 2), Fraction(1, 10))
