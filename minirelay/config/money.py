"""Rates and amounts of money, as settings have them; kept as they are written, so that nothing is rounded."""

import re
from typing import Final, Self

from minirelay.protocol.addresses import NATIVE_COIN

_COIN_DIGITS: Final = 18


class Factor(str):
    """A rate of exchange: two whole numbers above 0, written as 1500/1; kept as it is written."""

    __slots__ = ()

    @classmethod
    def parse(cls, given: object) -> Self:
        """Read a factor and a divisor. Raises ValueError."""
        if not isinstance(given, str) or not re.fullmatch(r"[1-9][0-9]{0,30}/[1-9][0-9]{0,30}", given):
            raise ValueError("expected a factor and a divisor, like 1500/1")
        return cls(given)

    @property
    def numerator(self) -> int:
        """Return the factor."""
        return int(self.partition("/")[0])

    @property
    def denominator(self) -> int:
        """Return the divisor."""
        return int(self.partition("/")[2])


class Coins(str):
    """An amount of a chain's own coin, like 0.05; kept as it is written."""

    __slots__ = ()

    @classmethod
    def parse(cls, given: object) -> Self:
        """Read an amount with up to 18 digits behind the point. Raises ValueError."""
        text = str(given) if isinstance(given, int | float | str) and not isinstance(given, bool) else ""
        if not re.fullmatch(r"[0-9]{1,12}(\.[0-9]{1,18})?", text):
            raise ValueError("expected an amount of coins like 0.05")
        return cls(text)

    @property
    def wei(self) -> int:
        """Return it in the coin's smallest units."""
        whole, _, part = self.partition(".")
        return int(whole + part.ljust(_COIN_DIGITS, "0"))


class LargeTotal(str):
    """A sum from which a payment is looked at twice; kept as it is written.

    Written as CURRENCY=SUM or CURRENCY=SUM/CONFIRMATIONS, where CURRENCY is a token's address, and SUM in its
    smallest units, or `coin`, and SUM in coins.
    """

    __slots__ = ()
    _FORM = re.compile(
        r"(?:(?P<token>0x[0-9A-Fa-f]{40})=(?P<units>[0-9]{1,77})"
        r"|coin=(?P<coins>[0-9]{1,12}(?:\.[0-9]{1,18})?))(?:/(?P<depth>[1-9][0-9]{0,5}))?"
    )

    @classmethod
    def parse(cls, given: object) -> Self:
        """Read a currency, a sum and how deep its block has to be. Raises ValueError."""
        if not isinstance(given, str) or not cls._FORM.fullmatch(given):
            raise ValueError(
                "expected a currency and a sum like coin=2.5, 0x(40 hexadecimal digits)=5000000000, or "
                "coin=2.5/30 with 30 confirmations"
            )
        return cls(given)

    @property
    def currency(self) -> bytes:
        """Return the token's address, or that which stands for the coin."""
        token = self._parts["token"]
        return NATIVE_COIN if token is None else bytes.fromhex(token[2:])

    @property
    def amount(self) -> int:
        """Return the sum in the currency's smallest units."""
        units = self._parts["units"]
        return Coins(self._parts["coins"] or "").wei if units is None else int(units)

    @property
    def confirmations(self) -> int:
        """Return how deep the block has to be at least, 1 if nothing is said."""
        return int(self._parts["depth"] or 1)

    @property
    def _parts(self) -> dict[str, str | None]:
        match = self._FORM.fullmatch(self)
        if match is None:
            raise ValueError(f"not a currency and a sum: {self}")
        return match.groupdict()
