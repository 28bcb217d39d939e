"""Where a relay listens, and which networks it trusts, as settings have them."""

import ipaddress
import re
from typing import Final, Self

_ADDRESS_AND_PORT: Final = re.compile(r"([A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\]):([0-9]{1,5})")
_MAX_PORT: Final = 65_535


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
