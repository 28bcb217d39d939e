"""Whose request it is: the peer's, or that of the client that a trusted proxy names (spec 01)."""

from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final

from aiohttp import web

from minirelay.config.networks import Network

FORWARDED: Final = "X-Forwarded-For"
_HOST_BITS: Final = 64
"""Of an IPv6 address, the bits that a provider's customer chooses alone."""

Address = IPv4Address | IPv6Address


class ClientAddresses:
    """Tells clients, and trusted proxies, by their addresses."""

    def __init__(self, trusted_proxies: Sequence[Network]) -> None:
        """trusted_proxies: whose X-Forwarded-For is believed."""
        self._trusted = tuple(trusted_proxies)

    def of(self, request: web.Request) -> str:
        """Name the client: its address, as far as it can be known."""
        return client_address(request.remote, request.headers.getall(FORWARDED, ()), self._trusted)

    def is_trusted(self, address: str) -> bool:
        """Return whether this is the address of a trusted proxy."""
        parsed = _parse(address)
        return parsed is not None and any(parsed in network for network in self._trusted)


def client_address(peer: str | None, forwarded: Sequence[str], trusted: Sequence[Network]) -> str:
    """Return the peer's address, or what a trusted proxy says: the last hop that isn't a trusted proxy.

    forwarded: the X-Forwarded-For headers, in order. What is no address ends the chain of trust.
    """
    address = _parse(peer or "")
    if address is None:
        return peer or "unknown"
    hops = [hop for header in forwarded for hop in header.split(",")]
    while hops and any(address in network for network in trusted):
        hop = _parse(hops.pop())
        if hop is None:
            break
        address = hop
    return str(address)


@lru_cache(maxsize=4096)
def counted_as(address: str) -> str:
    """Name what an address is counted as: an IPv4 address as itself, an IPv6 address as its /64."""
    parsed = _parse(address)
    if not isinstance(parsed, IPv6Address):
        return address if parsed is None else str(parsed)
    return f"{IPv6Address(int(parsed) >> _HOST_BITS << _HOST_BITS)}/64"


def is_loopback(address: str | None) -> bool:
    """Return whether this is an address of the machine itself."""
    parsed = _parse(address or "")
    return parsed is not None and parsed.is_loopback


def _parse(text: str) -> Address | None:
    """Read an address. Some proxies write the port too: 192.0.2.1:5000, [2001:db8::1]:5000."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
