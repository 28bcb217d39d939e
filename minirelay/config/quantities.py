"""Counts, time spans and sizes, as settings have them: with units, as people write them."""

import math
import re
from typing import Annotated, Final, Self

from msgspec import Meta

_UNITS_S: Final = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}
_UNITS_BYTES: Final = {"": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
_QUANTITY = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([A-Za-z]*)\s*")
LEAST_LINE: Final = 256

Count = Annotated[int, Meta(ge=1)]
"""A number of things with which 0 would mean that nothing ever works."""

AtLeastNone = Annotated[int, Meta(ge=0)]
"""A number of things that may be 0."""


class Seconds(float):
    """A time span in seconds; written as a number, or with a unit: 250ms, 15s, 5m, 3h, 1d."""

    @classmethod
    def parse(cls, given: object) -> Self:
        """Read a time span. Raises ValueError."""
        amount, unit = _quantity(given, 'a time like 15, "250ms" or "5m"')
        if unit and unit not in _UNITS_S:
            raise ValueError(f"{unit!r} is no unit of time; use one of {', '.join(_UNITS_S)}")
        return cls(amount * _UNITS_S[unit or "s"])

    def __str__(self) -> str:
        """Write it so that it can be read again: in the largest unit of which it is a whole number."""
        units = (unit for unit, worth in reversed(_UNITS_S.items()) if self and self % worth == 0)
        unit = next(units, "s")
        amount = f"{self / _UNITS_S[unit]:f}".rstrip("0").rstrip(".")
        return f"{amount}{unit}"


class PositiveSeconds(Seconds):
    """A time span with which 0 would mean that nothing ever works."""

    @classmethod
    def parse(cls, given: object) -> Self:
        """Read a time span. Raises ValueError."""
        span = super().parse(given)
        if span <= 0:
            raise ValueError("expected more than no time at all")
        return span


class Size(int):
    """A size in bytes; written as a number, or with a unit: 64KiB, 2MiB, 1GiB."""

    @classmethod
    def parse(cls, given: object) -> Self:
        """Read a size. Raises ValueError."""
        amount, unit = _quantity(given, 'a size like 2097152 or "2MiB"')
        if unit not in _UNITS_BYTES:
            raise ValueError(f"{unit!r} is no unit of size; use one of KiB, MiB, GiB, or none for bytes")
        return cls(amount * _UNITS_BYTES[unit])

    def __str__(self) -> str:
        """Write it so that it can be read again: in the largest unit of which it is a whole number."""
        units = (unit for unit, worth in reversed(_UNITS_BYTES.items()) if self and self % worth == 0)
        unit = next(units, "")
        return f"{int(self) // _UNITS_BYTES[unit]}{unit}"


class PositiveSize(Size):
    """A size with which 0 would mean that nothing ever goes on."""

    @classmethod
    def parse(cls, given: object) -> Self:
        """Read a size. Raises ValueError."""
        size = super().parse(given)
        if size < 1:
            raise ValueError("expected at least one byte")
        return size


class LineSize(Size):
    """A size of lines: with less, a line could not say what it is about."""

    @classmethod
    def parse(cls, given: object) -> Self:
        """Read a size. Raises ValueError."""
        size = super().parse(given)
        if size < LEAST_LINE:
            raise ValueError(f"expected at least {LEAST_LINE} bytes")
        return size


def _quantity(given: object, expected: str) -> tuple[float, str]:
    if isinstance(given, int | float) and not isinstance(given, bool):
        amount, unit = float(given), ""
    elif isinstance(given, str) and (match := _QUANTITY.fullmatch(given)):
        amount, unit = float(match[1]), match[2]
    else:
        raise ValueError(f"expected {expected}")
    if not math.isfinite(amount) or amount < 0:
        raise ValueError(f"expected {expected}, not less than 0")
    return amount, unit
