"""Prices as they are written in JSON, read without a loss: never through floats (spec 07 "Prices").

And as people read and write them, with the currency that they are of.
"""

import re
from decimal import Decimal
from fractions import Fraction
from typing import Final

from minirelay.errors import MalformedInput
from minirelay.protocol.addresses import NATIVE_COIN
from minirelay.protocol.signing import checksum_address
from minirelay.shop.issued_requests import Place

COIN: Final = "coin"

MOST_CHARACTERS: Final = 64
MOST_EXPONENT: Final = 40
"""No coin is worth 10^40 dollars, nor 10^-40 of one; larger powers would only take time and room."""

_NUMBER: Final = re.compile(r"(0|[1-9][0-9]*)(?:\.([0-9]+))?(?:[eE]([+-]?[0-9]{1,4}))?")


def read_price(text: str) -> Fraction | None:
    """Read a JSON number above 0 (RFC 8259); None for null and everything else."""
    match = _NUMBER.fullmatch(text) if len(text) <= MOST_CHARACTERS else None
    if match is None:
        return None
    whole, part, exponent = match[1], match[2] or "", int(match[3] or 0)
    digits = int(whole + part)
    if digits == 0 or abs(exponent) > MOST_EXPONENT or len(whole) > MOST_EXPONENT:
        return None
    return Fraction(digits) * Fraction(10) ** (exponent - len(part))


def show_price(price: Fraction) -> str:
    """Write a price for people: six digits of it, which `read_price` reads."""
    return f"{Decimal(price.numerator) / Decimal(price.denominator):.6g}"


def show_place(place: Place) -> str:
    """Name a currency: `1/coin`, or `1/0x…` for a token of chain 1."""
    chain_id, address = place
    return f"{chain_id}/{COIN if address == NATIVE_COIN else checksum_address(address)}"


def read_place(text: str) -> Place:
    """Read what `show_place` writes; upper and lower case are the same. Raises MalformedInput."""
    match = _PLACE.fullmatch(text)
    if match is None:
        raise MalformedInput("a currency is named 1/coin, or 1/0x… for a token of chain 1")
    return int(match[1]), NATIVE_COIN if match[2] is None else bytes.fromhex(match[2])


_PLACE: Final = re.compile(r"([1-9][0-9]{0,18})/(?:coin|0[xX]([0-9A-Fa-f]{40}))")
