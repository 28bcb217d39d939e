"""Amounts of a chain's native coin as people read them."""

from decimal import ROUND_DOWN, ROUND_UP, Context, Decimal
from typing import Final

_DECIMALS: Final = 18
_DIGITS: Final = 4
_NAMES: Final[dict[int, str]] = {
    **dict.fromkeys((1, 10, 8453, 42161, 31337, 11155111), "ETH"),
    137: "POL",
}
"""The coins of the chains that the documentation names; the others are just called coins."""


def show_cost(wei: int, chain_id: int) -> str:
    """Write what something costs at most: four digits, rounded up."""
    return _show(wei, chain_id, ROUND_UP)


def show_balance(wei: int, chain_id: int) -> str:
    """Write what a wallet has at least: four digits, rounded down."""
    return _show(wei, chain_id, ROUND_DOWN)


def show_exact(units: int, decimals: int = _DECIMALS) -> str:
    """Write an amount to the last digit, without the name of what it is of."""
    whole, part = divmod(units, 10**decimals)
    return f"{whole}.{part:0{decimals}d}".rstrip("0").rstrip(".") if decimals else str(whole)


def coin_of(chain_id: int) -> str:
    """Name the native coin of a chain."""
    return _NAMES.get(chain_id, "coins")


def _show(wei: int, chain_id: int, rounding: str) -> str:
    amount = Context(prec=_DIGITS, rounding=rounding).plus(Decimal(wei).scaleb(-_DECIMALS))
    digits = f"{amount:f}"
    if "." in digits:
        digits = digits.rstrip("0").rstrip(".")
    return f"{digits} {coin_of(chain_id)}"
