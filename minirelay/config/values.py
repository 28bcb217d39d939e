"""The kinds of values that settings have: each reads what people write, and refuses it in words."""

import ipaddress
import math
import re
from pathlib import Path
from typing import Annotated, Final, Protocol, Self
from urllib.parse import quote, urlsplit

from msgspec import Meta

_UNITS_S: Final = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}
_UNITS_BYTES: Final = {"": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
_QUANTITY = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([A-Za-z]*)\s*")
LEAST_LINE: Final = 256
_UINT256_DIGITS: Final = 78
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_HOST_NAME = re.compile(r"(?=.{1,253}\Z)[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*")
_PATH_CHARACTERS: Final = "/%:@!$&'()*+,;=~"
"""What stands in a path as it is (RFC 3986, section 3.3); everything else is percent-encoded."""


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


class BaseUrl(str):
    """The URL under which clients reach the relay, as browsers write it: ASCII only, the host in lower case.

    No slash at the end, no query. bücher.example is xn--bcher-kva.example here (RFC 5891), since that is
    what wallets sign and browsers send.
    """

    __slots__ = ()

    @classmethod
    def parse(cls, given: object) -> Self:
        """Read a URL. Raises ValueError."""
        scheme, host, port, path = _http_url(given, 'expected a URL like "https://relay.example"', plain=True)
        return cls(f"{scheme}://{_ascii_host(host)}{port}{quote(path, safe=_PATH_CHARACTERS).rstrip('/')}")

    @property
    def host(self) -> str:
        """Return the host, with the port if it is not the scheme's own."""
        return urlsplit(self).netloc

    @property
    def path(self) -> str:
        """Return what stands before the paths of the relay's endpoints; mostly nothing."""
        return urlsplit(self).path


class EndpointUrl(str):
    """The URL of a JSON-RPC endpoint. Providers put keys into path and query, so only its host is shown."""

    __slots__ = ()

    @classmethod
    def parse(cls, given: object) -> Self:
        """Read a URL. Raises ValueError, which doesn't repeat it."""
        if isinstance(given, str) and given.startswith(("ws:", "wss:")):
            raise ValueError("chains are asked over http or https, not over a WebSocket")
        _http_url(given, 'expected a URL like "https://rpc.example"', plain=False)
        return cls(given)

    @property
    def shown(self) -> str:
        """Return what may be shown: scheme, host and port."""
        parts = urlsplit(self)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"

    def __repr__(self) -> str:
        return f"EndpointUrl({self.shown!r})"


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


def _http_url(given: object, expected: str, *, plain: bool) -> tuple[str, str, str, str]:
    """Take a URL apart into scheme, host, port and path. plain: no user, query or fragment.

    port: with its colon, empty if it is the scheme's own.
    """
    try:
        parts = urlsplit(given if isinstance(given, str) else "")
        port, host = parts.port, parts.hostname
    except ValueError:
        raise ValueError(expected) from None
    if parts.scheme not in _DEFAULT_PORTS or not host or re.search(r"[\s\\]", str(given)):
        raise ValueError(expected)
    if "[" in parts.netloc and ":" not in host:
        raise ValueError(expected)
    if plain and (parts.query or parts.fragment or "@" in parts.netloc):
        raise ValueError(f"{expected}, without user, query or fragment")
    is_default = port is None or port == _DEFAULT_PORTS[parts.scheme]
    return parts.scheme, host, "" if is_default else f":{port}", parts.path


def _ascii_host(host: str) -> str:
    """Write a host as browsers do: names as A-labels in lower case, IPv6 addresses in their shortest form."""
    if ":" in host:
        try:
            return f"[{ipaddress.IPv6Address(host if '%' not in host else '')}]"
        except ValueError:
            raise ValueError(f"expected a URL, but {host!r} is no IPv6 address") from None
    name = host.lower() if host.isascii() else _a_labels(host)
    # With and without its last dot it is the same host, but not the same text, and clients compare texts.
    name = name.removesuffix(".")
    if not _HOST_NAME.fullmatch(name):
        raise ValueError(f"expected a URL, but {host!r} is no host name")
    return name


def _a_labels(host: str) -> str:
    # Not Python's own codec: it knows the rules of 2003, by which straße.example is strasse.example, the host
    # of somebody else. Imported here, since few need it.
    import idna

    try:
        return idna.encode(host, uts46=True).decode("ascii")
    except idna.IDNAError as error:
        raise ValueError(
            f"expected a URL, but {host!r} is no host name ({error}); it can be written with xn-- too"
        ) from None
