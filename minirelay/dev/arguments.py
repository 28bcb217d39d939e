"""What developers say to the commands and to the page: shares, wallets, blocks, and how large they may be."""

from fractions import Fraction
from typing import Final

from minirelay.errors import ConfigError

MOST_BLOCKS: Final = 10_000
"""Made or replaced at once."""

MOST_PERCENT: Final = 10_000
MOST_CHARACTERS: Final = 40
"""Of a percentage as text."""

DEFAULT_WALLET: Final = 5
"""The demo shop's customer."""


def read_percent(given: str) -> Fraction:
    """Read a share in percent, such as 50% or 0.1, exactly. Raises ConfigError."""
    try:
        # Without the bound, "1e999999999" would be computed.
        percent = Fraction(given.removesuffix("%")) if _is_plain(given) else None
    except (ValueError, ZeroDivisionError):
        percent = None
    if percent is None:
        raise ConfigError(f"{given[:MOST_CHARACTERS]} is no percentage, such as 50%")
    if not 0 < percent <= MOST_PERCENT:
        raise ConfigError(f"{given} is not above 0 and at most {MOST_PERCENT}%")
    return percent / 100


def share_of(part: Fraction | None, over: Fraction | None) -> Fraction | None:
    """Return how much of an amount is paid: a part of it, or all and so much more; None for what is missing.

    Raises ConfigError for both.
    """
    if part is not None and over is not None:
        raise ConfigError("part and over exclude each other")
    return part if over is None else 1 + over


def _is_plain(given: str) -> bool:
    return len(given) <= MOST_CHARACTERS and "e" not in given.lower()
