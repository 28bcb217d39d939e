"""Plain http goes to the same machine and private networks only (spec 07): it shows keys, and can be forged.

Names are looked up when a connection is opened, so that is when it is known where it goes.
"""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from ipaddress import IPv6Address, ip_address

_only_private: ContextVar[bool] = ContextVar("_only_private", default=False)


class PublicAddress(OSError):
    """A connection without TLS would leave the private network."""

    def __init__(self) -> None:
        super().__init__("plain http to a public address: use https, or set allow_plain_http for the chain")


@contextmanager
def only_private() -> Iterator[None]:
    """Let connections that are opened in this block go to loopback and private addresses only."""
    token = _only_private.set(True)
    try:
        yield
    finally:
        _only_private.reset(token)


def open_socket(address: tuple[int, int, int, str, tuple[object, ...]]) -> socket.socket:
    """Make the socket for an address, as `getaddrinfo` gives it. Raises PublicAddress."""
    family, kind, protocol, _, place = address
    if _only_private.get() and not is_private(str(place[0])):
        raise PublicAddress
    return socket.socket(family, kind, protocol)


def is_private(host: str) -> bool:
    """Return whether an address is the machine's own, or of a network that the Internet doesn't reach."""
    address = ip_address(host.partition("%")[0])
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return (mapped or address).is_private
