"""Prices in the currency that a customer chose (spec 07 "Prices"): integers only, truncated at each step."""

from typing import Final

import msgspec

from minirelay.errors import Refusal, invalid
from minirelay.protocol.addresses import NATIVE_COIN
from minirelay.shop.objects import ChainAddress
from minirelay.shop.pricing import check_uint256

NATIVE_DECIMALS: Final = 18
LEAST_DECIMALS: Final = 1
MOST_DECIMALS: Final = 18
RATE_DECIMALS: Final = 16


class Rate(msgspec.Struct, frozen=True):
    """What a whole coin of one currency is worth in coins of another: a fraction of Uint256s above 0."""

    numerator: int
    denominator: int

    def __post_init__(self) -> None:
        """Refuse (ValueError) what is no such fraction."""
        if not (0 < self.numerator < 2**256 and 0 < self.denominator < 2**256):
            raise ValueError("a rate is a fraction of two numbers above 0 and below 2^256")


class FixedRates(msgspec.Struct, frozen=True):
    """The source `fixed`: one rate, the same in every direction.

    is_development: whether it holds between native coins, too.
    """

    fixed: Rate
    is_development: bool

    def rate(self, pricing: ChainAddress, chosen: ChainAddress, /) -> Rate | None:
        """Return the rate."""
        if is_native(pricing) and is_native(chosen) and not self.is_development:
            return None
        return self.fixed


class NoRates(msgspec.Struct, frozen=True):
    """The source `none`: only the pricing currency itself can be chosen."""

    def rate(self, _pricing: ChainAddress, _chosen: ChainAddress, /) -> Rate | None:
        """Return none."""
        return None


def convert(amount: int, from_decimals: int, to_decimals: int, rate: Rate) -> int:
    """Convert an amount (Uint256) of units; what costs something never becomes 0.

    Raises Refusal INVALID for decimals that are not between 1 and 18, and from 2^256 on.
    """
    for decimals in (from_decimals, to_decimals):
        if not LEAST_DECIMALS <= decimals <= MOST_DECIMALS:
            raise invalid(f"a currency with {decimals} decimals can't be converted")
    scaled = amount * 10**RATE_DECIMALS // 10**from_decimals
    worth = scaled * rate.numerator // rate.denominator
    converted = worth * 10**to_decimals // 10**RATE_DECIMALS
    return check_uint256(max(1, converted) if amount > 0 else 0)


def is_native(currency: ChainAddress) -> bool:
    """Return whether a currency is the native coin of its chain."""
    return currency.address == NATIVE_COIN


def no_rate() -> Refusal:
    """Make the refusal of a choice whose price can't be converted (now)."""
    return invalid("failed to establish conversion price")
