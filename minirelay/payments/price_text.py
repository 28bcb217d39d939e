"""Prices as they are written in JSON, read without a loss: never through floats (spec 07 "Prices")."""

import re
from fractions import Fraction
from typing import Final

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
