"""The kinds of values that settings have: each reads what people write, and refuses it in words."""

import ipaddress
import math
import re
from pathlib import Path
from typing import Annotated, Final, Literal, Protocol, Self

from msgspec import Meta

from minirelay.protocol.addresses import NATIVE_COIN

_UNITS_S: Final = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}
_UNITS_BYTES: Final = {"": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
_QUANTITY = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([A-Za-z]*)\s*")
_ADDRESS_AND_PORT: Final = re.compile(r"([A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\]):([0-9]{1,5})")
_MAX_PORT: Final = 65_535
LEAST_LINE: Final = 256
_COIN_DIGITS: Final = 18
_UINT256_DIGITS: Final = 78


Count = Annotated[int, Meta(ge=1)]
"""A number of things with which 0 would mean that nothing ever works."""

AtLeastNone = Annotated[int, Meta(ge=0)]
"""A number of things that may be 0."""


class Parsed(Protocol):
    """A kind of value that reads itself."""

    @classmethod
    def parse(cls, given: object) -> Self:
        """Read a value from a TOML file, or the text of a variable or flag. Raises ValueError in words."""


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


class Uint256(int):
    """A token id (relay, shop); written in decimal or as 0x and hexadecimal digits."""

    @classmethod
    def parse(cls, given: object) -> Self:
        """Read a token id. Raises ValueError."""
        if isinstance(given, int) and not isinstance(given, bool):
            number = given
        elif isinstance(given, str) and re.fullmatch(
            rf"0x[0-9A-Fa-f]{{1,64}}|[0-9]{{1,{_UINT256_DIGITS}}}", given
        ):
            number = int(given, 16 if given.startswith("0x") else 10)
        else:
            raise ValueError("expected a token id, in decimal or as 0x and hexadecimal digits")
        if not 0 <= number < 2**256:
            raise ValueError("a token id is between 0 and 2^256 - 1")
        return cls(number)


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


class Confirmations(str):
    """From which depth a block counts: a number of blocks from 1, or a tag; kept as it is written."""

    __slots__ = ()

    @classmethod
    def parse(cls, given: object) -> Self:
        """Read a number, or the word safe or finalized. Raises ValueError."""
        text = str(given) if isinstance(given, int | str) and not isinstance(given, bool) else ""
        if text not in ("safe", "finalized") and not re.fullmatch(r"[1-9][0-9]{0,5}", text):
            raise ValueError('expected a number of blocks from 1, or "safe" or "finalized"')
        return cls(text)

    @property
    def value(self) -> "int | Literal['safe', 'finalized']":
        """Return the number, or the tag."""
        if self == "safe":
            return "safe"
        return "finalized" if self == "finalized" else int(self)


class Address(bytes):
    """An Ethereum address, 20 bytes; written as 0x and 40 hexadecimal digits."""

    @classmethod
    def parse(cls, given: object) -> Self:
        """Read an address, whatever its case. Raises ValueError."""
        if not isinstance(given, str) or not re.fullmatch(r"0x[0-9A-Fa-f]{40}", given):
            raise ValueError("expected an address: 0x and 40 hexadecimal digits")
        return cls.fromhex(given[2:])

    def __str__(self) -> str:
        return f"0x{self.hex()}"


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


class ListenAddress(str):
    """An address and a port to listen on, like 127.0.0.1:4445 or [::1]:4445; empty: nowhere."""

    __slots__ = ()

    @classmethod
    def parse(cls, given: object) -> Self:
        """Read an address and a port, or nothing. Raises ValueError."""
        expected = 'expected an address and a port like "127.0.0.1:4445", or "" for none'
        if not isinstance(given, str):
            raise ValueError(expected)
        match = _ADDRESS_AND_PORT.fullmatch(given)
        if given and (match is None or int(match[2]) > _MAX_PORT):
            raise ValueError(expected)
        return cls(given)

    @property
    def host(self) -> str:
        """Return the address, an IPv6 one without its brackets."""
        return self.rpartition(":")[0].strip("[]")

    @property
    def port(self) -> int:
        """Return the port; 0 for any free one."""
        return int(self.rpartition(":")[2])


class Network:
    """Addresses of the Internet: one (192.0.2.1) or a range (10.0.0.0/8, fd00::/8)."""

    __slots__ = ("_network",)

    def __init__(self, network: ipaddress.IPv4Network | ipaddress.IPv6Network) -> None:
        self._network = network

    @classmethod
    def parse(cls, given: object) -> Self:
        """Read an address or a range. Raises ValueError."""
        if not isinstance(given, str):
            raise ValueError('expected an address or a range like "10.0.0.0/8"')
        try:
            return cls(ipaddress.ip_network(given))
        except ValueError as error:
            raise ValueError(f"no address or range: {error}") from None

    def __contains__(self, address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
        return address in self._network

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Network) and self._network == other._network

    def __hash__(self) -> int:
        return hash(self._network)

    def __str__(self) -> str:
        return str(self._network)

    def __repr__(self) -> str:
        return f"Network({str(self)!r})"


def read(kind: type[object], given: object) -> object:
    """Read a value of a kind that msgspec does not know (its dec_hook). Raises ValueError in words."""
    if isinstance(given, kind):
        return given
    if kind is Path:
        if not isinstance(given, str) or not given:
            raise ValueError("expected a path")
        return Path(given).expanduser()
    parse = getattr(kind, "parse", None)
    if parse is None:
        raise TypeError(f"no setting can be of the type {kind}")
    return parse(given)


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
